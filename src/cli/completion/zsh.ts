import { quoted } from "./bash.ts";
import type { CompletionTable } from "./table.ts";

/** The script for zsh: to be sourced, or as a file `_agentctl` in a directory of `fpath`. */
export function zshCompletion(table: CompletionTable): string {
  const cases = [...table].map(
    ([path, lines]) => `    (${quoted(path)}) lines=(${lines.map(quoted).join(" ")}) ;;\n`,
  );
  return `#compdef agentctl
# Completion of agentctl for zsh. To have it in every shell, in ~/.zshrc, behind compinit:
#   source <(agentctl completion zsh)

_agentctl_data() {
  lines=()
  case "$1" in
${cases.join("")}  esac
}
${BODY}`;
}

const BODY = `
_agentctl() {
  local -a lines part subs flags names
  local way="" line word flag="" wants="" plain="" cur="\${words[CURRENT]}" found="" sub i
  local -i operands=0 n=0
  _agentctl_data ""
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ $wants == one || ($wants == maybe && $word != -*) ]]; then
      wants=""
      continue
    fi
    wants=""
    if [[ -n $plain ]]; then
      operands+=1
    elif [[ $word == -- ]]; then
      plain=yes
    elif [[ $word == -*=* ]]; then
      :
    elif [[ $word == -* ]]; then
      for line in $lines; do
        part=("\${(@s:|:)line}")
        if [[ $part[1] == opt && $part[2] == $word && $part[3] != none ]]; then
          wants=$part[3]
          flag=$word
        fi
      done
    else
      sub=""
      for line in $lines; do
        part=("\${(@s:|:)line}")
        if [[ $part[1] == sub && $part[2] == $word ]]; then sub=$word; fi
      done
      if [[ -n $sub ]]; then
        way="\${way:+$way }$sub"
        _agentctl_data "$way"
      else
        operands+=1
      fi
    fi
  done

  if [[ -z $wants && -z $plain && $cur == --*=* ]]; then
    wants=one
    flag=\${cur%%=*}
    compset -P '*='
  fi
  for line in $lines; do
    part=("\${(@s:|:)line}")
    case $part[1] in
      (sub) subs+=("$part[2]:\${part[5]//:/\\\\:}") ;;
      (opt)
        flags+=("$part[2]:\${part[5]//:/\\\\:}")
        if [[ -n $wants && $part[2] == $flag ]]; then found=$part[4]; fi
        ;;
      (arg)
        if [[ -z $wants ]] && ((n == operands)); then found=$part[4]; fi
        if [[ -z $wants && $part[3] == many ]] && ((n <= operands)); then found=$part[4]; fi
        n+=1
        ;;
    esac
  done
  if [[ -z $plain && $cur == -* && $wants != one ]]; then
    _describe -o option flags
    return
  fi
  if [[ -z $wants ]] && (($#subs > 0)); then
    _describe command subs
    if [[ $found != agents ]]; then return; fi
  fi
  case $found in
    (words:*)
      names=(\${=found#words:})
      compadd -a names
      ;;
    (files) _files ;;
    (dirs) _files -/ ;;
    (?*)
      names=(\${(f)"$("\${words[1]}" __complete $found "\${(@)words[2,CURRENT-1]}" 2>/dev/null </dev/null)"})
      compadd -a names
      ;;
  esac
}

if [[ $funcstack[1] == _agentctl ]]; then
  _agentctl "$@"
else
  compdef _agentctl agentctl
fi
`;
