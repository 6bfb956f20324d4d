// Package spelling finds which word may be meant by a mistyped one.
package spelling

// mistypes is how many mistakes a word may have, and still be meant for another.
const mistypes = 2

// Nearest returns which of the words may be meant by one that is not among them:
// the first that fewest mistakes lead to, at most two, and no more than half of
// what was typed; or "".
func Nearest(typed string, words []string) string {
	best, least := "", min(mistypes, len(typed)/2)+1
	for _, word := range words {
		if d := distance(typed, word); d < least {
			best, least = word, d
		}
	}
	return best
}

// distance counts the letters to leave out, put in, replace or swap with their
// neighbour to make one word of another (Damerau and Levenshtein; no letter is
// changed twice). Words that are too different in length for Nearest are not
// compared.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	if d := max(len(from)-len(to), len(to)-len(from)); d > mistypes {
		return d
	}
	before, last, row := []int(nil), make([]int, len(to)+1), make([]int, len(to)+1)
	for j := range last {
		last[j] = j
	}
	for i := range from {
		row[0] = i + 1
		for j := range to {
			replaced := last[j]
			if from[i] != to[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && from[i] == to[j-1] && from[i-1] == to[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, make([]int, len(to)+1)
	}
	return last[len(to)]
}
