package verify

import (
	"fmt"
	"time"
)

// Span writes a duration as a person says it, in its largest unit: "61 days",
// "22 h", "5 min", "3 s".
func Span(d time.Duration) string { return span(int64(d / time.Second)) }

// Between is Span for the time from one moment to another, which a certificate may
// have centuries apart: more than a time.Duration holds.
func Between(from, to time.Time) string {
	seconds := to.Unix() - from.Unix()
	if to.Nanosecond() < from.Nanosecond() {
		seconds--
	}
	return span(seconds)
}

func span(seconds int64) string {
	const minute, hour, day = 60, 60 * 60, 24 * 60 * 60
	switch {
	case seconds < minute:
		return fmt.Sprintf("%d s", max(seconds, 0))
	case seconds < hour:
		return fmt.Sprintf("%d min", seconds/minute)
	case seconds < 2*day:
		return fmt.Sprintf("%d h", seconds/hour)
	}
	return fmt.Sprintf("%d days", seconds/day)
}

// Ago is Span for what is past.
func Ago(d time.Duration) string { return Span(d) + " ago" }

func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

func minute(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 MST") }
