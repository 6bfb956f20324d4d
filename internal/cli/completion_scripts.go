package cli

import (
	"fmt"
	"strings"
)

// script gathers the lines of a shell's script.
type script struct{ strings.Builder }

func (s *script) line(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

// quoted writes a word for bash and zsh.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// alternatives writes words as a pattern of a case in bash and zsh.
func alternatives(words []string) string {
	var all []string
	for _, word := range words {
		all = append(all, quoted(word))
	}
	return strings.Join(all, "|")
}

// walk finds, in the words before the one that is completed, the place where it
// stands, for bash and zsh: $at. The value of a flag is no command.
func (s *script) walk(all places, first, last, word string) {
	s.line("    for ((i = %s; i < %s; i++)); do", first, last)
	s.line("        case %s in", word)
	s.line("            %s) ((i++)); continue ;;", alternatives(namesOf(all.valued())))
	s.line("        esac")
	s.line("        case \"$at %s\" in", word)
	s.line("            %s) at=\"$at %s\" ;;", alternatives(all.commands()), word)
	s.line("        esac")
	s.line("    done")
}

func bashScript(all places) string {
	var s script
	s.line("# What bash needs to complete commands and flags. For this shell: source <(signet completion bash)")
	s.line("# For all: signet completion bash > ~/.local/share/bash-completion/completions/signet")
	s.line("_signet_files() {")
	s.line("    local IFS=$'\\n'")
	s.line("    compopt -o filenames 2>/dev/null")
	s.line("    COMPREPLY+=($(compgen -f -- \"$1\"))")
	s.line("}")
	s.line("_signet() {")
	s.line("    local cur=${COMP_WORDS[COMP_CWORD]} at= words= flags= files= i")
	s.line("    COMPREPLY=()")
	s.walk(all, "1", "COMP_CWORD", "${COMP_WORDS[i]}")
	s.line("    case ${COMP_WORDS[COMP_CWORD-1]} in")
	for _, flag := range all.valued() {
		action := fmt.Sprintf("COMPREPLY=($(compgen -W %s -- \"$cur\"))", quoted(strings.Join(flag.value.words, " ")))
		if flag.value.files {
			action = `_signet_files "$cur"`
		}
		s.line("        %s) %s; return ;;", flag.name, action)
	}
	s.line("    esac")
	s.line("    case $at in")
	for _, p := range all {
		files := ""
		if p.files {
			files = " files=1"
		}
		s.line("        %s) words=%s flags=%s%s ;;", quoted(p.at), quoted(strings.Join(namesOf(p.words), " ")),
			quoted(strings.Join(namesOf(p.flags), " ")), files)
	}
	s.line("    esac")
	s.line("    [[ $cur == -* ]] && words=$flags files=")
	s.line("    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))")
	s.line("    [[ $files ]] && _signet_files \"$cur\"")
	s.line("    return 0")
	s.line("}")
	s.line("complete -F _signet signet")
	return s.String()
}

func zshScript(all places) string {
	described := func(choices []choice) string {
		var items []string
		for _, c := range choices {
			item := c.name
			if c.help != "" {
				item += ":" + c.help
			}
			items = append(items, quoted(item))
		}
		return strings.Join(items, " ")
	}
	var s script
	s.line("#compdef signet")
	s.line("# What zsh needs to complete commands and flags. For this shell: source <(signet completion zsh)")
	s.line("# For all: signet completion zsh > FOLDER/_signet, where FOLDER is one of $fpath")
	s.line("_signet() {")
	s.line("    local at= files= i")
	s.line("    local -a choices flags")
	s.walk(all, "2", "CURRENT", "$words[i]")
	s.line("    case $words[CURRENT-1] in")
	for _, flag := range all.valued() {
		action := "return"
		switch {
		case flag.value.files:
			action = "_files; return"
		case len(flag.value.words) > 0:
			action = "compadd -- " + strings.Join(flag.value.words, " ") + "; return"
		}
		s.line("        (%s) %s ;;", flag.name, action)
	}
	s.line("    esac")
	s.line("    case $at in")
	for _, p := range all {
		files := ""
		if p.files {
			files = " files=1"
		}
		s.line("        (%s) choices=(%s) flags=(%s)%s ;;", quoted(p.at), described(p.words), described(p.flags), files)
	}
	s.line("    esac")
	s.line("    if [[ $words[CURRENT] == -* ]]; then")
	s.line("        _describe -o flag flags")
	s.line("        return")
	s.line("    fi")
	s.line("    (( $#choices )) && _describe word choices")
	s.line("    [[ -n $files ]] && _files")
	s.line("    return 0")
	s.line("}")
	s.line("if [[ $funcstack[1] == _signet ]]; then _signet; else compdef _signet signet; fi")
	return s.String()
}

func fishScript(all places) string {
	quoted := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
	}
	var s script
	s.line("# What fish needs to complete commands and flags. For this shell: signet completion fish | source")
	s.line("# For all: signet completion fish > ~/.config/fish/completions/signet.fish")
	s.line("function __signet_at # whether the commands so far are these")
	s.line("    set -l at ''")
	s.line("    set -l value no")
	s.line("    set -l before (commandline -opc)")
	s.line("    set -e before[1]")
	s.line("    for word in $before")
	s.line("        if test $value = yes")
	s.line("            set value no")
	s.line("            continue")
	s.line("        end")
	s.line("        if contains -- $word %s", strings.Join(namesOf(all.valued()), " "))
	s.line("            set value yes")
	s.line("        else if contains -- \"$at $word\" '%s'", strings.Join(all.commands(), "' '"))
	s.line("            set at \"$at $word\"")
	s.line("        end")
	s.line("    end")
	s.line("    test \"$at\" = $argv[1]")
	s.line("end")
	s.line("complete -c signet -f")
	for _, p := range all {
		start := "complete -c signet -n \"__signet_at " + quoted(p.at) + "\""
		if p.files {
			s.line("%s -F", start)
		}
		for _, word := range p.words {
			s.line("%s -a %s -d %s", start, word.name, quoted(word.help))
		}
		for _, flag := range p.flags {
			how := ""
			switch v := flag.value; {
			case v.files:
				how = " -rF"
			case v.wanted:
				how = " -x -a " + quoted(strings.Join(v.words, " "))
			}
			s.line("%s -l %s%s -d %s", start, strings.TrimPrefix(flag.name, "--"), how, quoted(flag.help))
		}
	}
	return s.String()
}
