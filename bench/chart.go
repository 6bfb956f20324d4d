package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// chart is groups of bars that lie, all to one scale; a line marks the value 1. The
// same chart is always the same bytes.
type chart struct {
	title  string
	about  string // for who cannot see it
	groups []bars
}

// bars is a group of them.
type bars struct {
	title string
	bars  []bar
}

// bar is a ratio with its interval.
type bar struct {
	name             string
	value, low, high float64
	words            string // behind the bar
	emphasised       bool
}

// Lengths in the unit of SVG, which is a pixel at the chart's own size.
const (
	chartWidth  = 760
	chartLabel  = 190 // where bars begin
	chartPlot   = 360 // how long the longest may be
	chartRow    = 20
	chartBar    = 12
	chartHeader = 34
	chartGap    = 12
)

// chartMost is the ratio at which a bar ends, however much more it is.
const chartMost = 4.0

// chartStyle is read in light and in dark.
const chartStyle = `text{font:12px system-ui,sans-serif;fill:#1f2328}.h{font-weight:600}.t{font-size:14px;font-weight:600}.w{fill:#59636e}.b{fill:#afb8c1}.o{fill:#0969da}.i{stroke:#1f2328;stroke-width:1.5}.one{stroke:#59636e;stroke-dasharray:3 3}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.w{fill:#9198a1}.b{fill:#57606a}.o{fill:#4493f8}.i{stroke:#f0f6fc}.one{stroke:#9198a1}}`

// svg draws the chart.
func (c chart) svg() []byte {
	scale := chartPlot / c.reach()
	x := func(value float64) float64 { return chartLabel + scale*min(value, chartMost) }
	var body bytes.Buffer
	y := float64(chartHeader)
	for _, group := range c.groups {
		y += chartGap
		fmt.Fprintf(&body, "<text class=\"h\" x=\"0\" y=\"%.1f\">%s</text>\n", y+chartBar, escaped(group.title))
		y += chartRow
		for _, b := range group.bars {
			drawBar(&body, b, y, x)
			y += chartRow
		}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img" aria-labelledby="title about">`+"\n", chartWidth, y+chartGap, chartWidth, y+chartGap)
	fmt.Fprintf(&out, "<title id=\"title\">%s</title>\n<desc id=\"about\">%s</desc>\n<style>%s</style>\n", escaped(c.title), escaped(c.about), chartStyle)
	fmt.Fprintf(&out, "<text class=\"t\" x=\"0\" y=\"16\">%s</text>\n", escaped(c.title))
	fmt.Fprintf(&out, "<line class=\"one\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.1f\"/>\n", x(1), x(1), chartHeader, y)
	out.Write(body.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func drawBar(out *bytes.Buffer, b bar, y float64, x func(float64) float64) {
	middle := y + chartBar/2
	fmt.Fprintf(out, "<text x=\"12\" y=\"%.1f\">%s</text>\n", y+chartBar-2, escaped(b.name))
	class := "b"
	if b.emphasised {
		class = "o"
	}
	fmt.Fprintf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n", class, x(0), y, x(b.value)-x(0), chartBar)
	fmt.Fprintf(out, "<line class=\"i\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", x(b.low), x(b.high), middle, middle)
	fmt.Fprintf(out, "<text class=\"w\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x(max(b.value, b.high))+6, y+chartBar-2, escaped(b.words))
}

// reach is the largest value that there is room for.
func (c chart) reach() float64 {
	most := 1.0
	for _, group := range c.groups {
		for _, b := range group.bars {
			most = max(most, b.value, b.high)
		}
	}
	return min(most, chartMost)
}

func escaped(text string) string {
	var out strings.Builder
	xml.EscapeText(&out, []byte(text)) // to a Builder it cannot fail
	return out.String()
}
