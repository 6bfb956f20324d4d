package starttls

import "strings"

// line reads one line, without its end.
func (t *talk) line() (string, error) {
	line, err := t.in.ReadSlice('\n')
	if err != nil {
		return "", t.broken(err)
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// reply reads an answer of one or more lines that begin with a number, as SMTP
// and FTP have it (RFC 5321, section 4.2.1; RFC 959, section 4.2).
func (t *talk) reply() (lines []string, err error) {
	for range maxLines {
		line, err := t.line()
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
		if len(line) < 3 || strings.Trim(line[:3], "0123456789") != "" {
			return nil, t.failed("the server answered with something else than %s", t.title)
		}
		if len(line) == 3 || line[3] != '-' {
			return lines, nil
		}
	}
	return nil, t.failed("the server's answer has more than %d lines", maxLines)
}

// expect reads an answer that must begin with a number; what the server says
// instead is its refusal.
func (t *talk) expect(number string) (lines []string, err error) {
	lines, err = t.reply()
	if err == nil && !strings.HasPrefix(lines[len(lines)-1], number) {
		err = t.refused(lines[len(lines)-1])
	}
	return lines, err
}

// askSMTP is RFC 3207.
func askSMTP(t *talk) error {
	if _, err := t.expect("220"); err != nil {
		return err
	}
	if err := t.say("EHLO localhost"); err != nil {
		return err
	}
	offers, err := t.expect("250")
	if err != nil {
		return err
	}
	for _, offer := range offers[1:] {
		if strings.EqualFold(strings.TrimSpace(offer[min(4, len(offer)):]), "STARTTLS") {
			if err := t.say("STARTTLS"); err != nil {
				return err
			}
			_, err := t.expect("220")
			return err
		}
	}
	return t.refused("")
}

// askFTP is RFC 4217, section 4.
func askFTP(t *talk) error {
	if _, err := t.expect("220"); err != nil {
		return err
	}
	if err := t.say("AUTH TLS"); err != nil {
		return err
	}
	_, err := t.expect("234")
	return err
}

// askPOP3 is RFC 2595, section 4.
func askPOP3(t *talk) error {
	for _, command := range []string{"", "STLS"} {
		if command != "" {
			if err := t.say(command); err != nil {
				return err
			}
		}
		line, err := t.line()
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "-ERR"):
			return t.refused(line)
		case !strings.HasPrefix(line, "+OK"):
			return t.failed("the server answered with something else than %s", t.title)
		}
	}
	return nil
}

// askIMAP is RFC 9051, section 6.2.1. A server that takes us for somebody known
// already (PREAUTH) can no longer be asked; who sits in the path says this to
// keep TLS away.
func askIMAP(t *talk) error {
	greeting, err := t.line()
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(greeting, "* PREAUTH"), strings.HasPrefix(greeting, "* BYE"):
		return t.refused(greeting)
	case !strings.HasPrefix(greeting, "* OK"):
		return t.failed("the server answered with something else than %s", t.title)
	}
	if err := t.say("a STARTTLS"); err != nil {
		return err
	}
	for range maxLines {
		line, err := t.line()
		switch {
		case err != nil:
			return err
		case strings.HasPrefix(line, "* "):
		case strings.HasPrefix(line, "a OK"):
			return nil
		default:
			return t.refused(line)
		}
	}
	return t.failed("the server's answer has more than %d lines", maxLines)
}
