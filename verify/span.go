package verify

import (
	"fmt"
	"time"
)

// Span writes a duration as a person says it, in its largest unit: "61 days",
// "22 h", "5 min", "3 s".
func Span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(d/time.Second, 0))
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// Ago is Span for what is past.
func Ago(d time.Duration) string { return Span(d) + " ago" }

func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

func minute(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 MST") }
