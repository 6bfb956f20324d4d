//go:build !unix

package cli

import "errors"

func diskSpace(string) (free, all int64, err error) { return 0, 0, errors.ErrUnsupported }

func descriptorLimit() (int64, error) { return 0, errors.ErrUnsupported }
