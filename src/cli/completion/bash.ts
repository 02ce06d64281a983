import type { CompletionTable } from "./table.ts";

/** The script for bash, 3.2 and newer. */
export function bashCompletion(table: CompletionTable): string {
  const cases = [...table].map(
    ([path, lines]) => `    ${quoted(path)}) data=${quoted(lines.join("\n"))} ;;\n`,
  );
  return `# Completion of agentctl for bash. To have it in every shell, in ~/.bashrc:
#   source <(agentctl completion bash)

_agentctl_data() {
  data=""
  case "$1" in
${cases.join("")}  esac
}
${BODY}`;
}

/** A word of a POSIX shell, in single quotes. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const BODY = `
_agentctl() {
  local IFS=$' \\t\\n' rest lead token i
  local -a words=()
  COMPREPLY=()
  # Words as they were typed: bash takes them apart at ":" and "=".
  rest=\${COMP_LINE:0:COMP_POINT}
  for ((i = 0; i <= COMP_CWORD; i++)); do
    lead=\${rest%%[![:space:]]*}
    rest=\${rest#"$lead"}
    token=\${COMP_WORDS[i]}
    if ((i == COMP_CWORD)); then token=$rest; fi
    if ((\${#words[@]} > 0)) && [[ -z $lead ]]; then
      words[\${#words[@]} - 1]+=$token
    else
      words+=("$token")
    fi
    rest=\${rest#"$token"}
  done

  local last=$((\${#words[@]} - 1)) path="" data kind name takes source about
  local word flag="" wants="" operands=0 plain=""
  local cur=\${words[last]} value
  _agentctl_data ""
  for ((i = 1; i < last; i++)); do
    word=\${words[i]}
    if [[ $wants == one || ($wants == maybe && $word != -*) ]]; then
      wants=""
      continue
    fi
    wants=""
    if [[ -n $plain ]]; then
      operands=$((operands + 1))
    elif [[ $word == -- ]]; then
      plain=yes
    elif [[ $word == -*=* ]]; then
      :
    elif [[ $word == -* ]]; then
      while IFS='|' read -r kind name takes source about; do
        if [[ $kind == opt && $name == "$word" && $takes != none ]]; then
          wants=$takes
          flag=$word
        fi
      done <<<"$data"
    else
      local sub=""
      while IFS='|' read -r kind name takes source about; do
        if [[ $kind == sub && $name == "$word" ]]; then sub=$name; fi
      done <<<"$data"
      if [[ -n $sub ]]; then
        path="\${path:+$path }$sub"
        _agentctl_data "$path"
      else
        operands=$((operands + 1))
      fi
    fi
  done

  local found="" prefix="" subs="" n=0
  value=$cur
  if [[ -z $wants && -z $plain && $cur == --*=* ]]; then
    wants=one
    flag=\${cur%%=*}
    value=\${cur#*=}
    if [[ $COMP_WORDBREAKS != *=* ]]; then prefix="$flag="; fi
  fi
  if [[ $wants == one || ($wants == maybe && $cur != -*) ]]; then
    while IFS='|' read -r kind name takes source about; do
      if [[ $kind == opt && $name == "$flag" ]]; then found=$source; fi
    done <<<"$data"
  elif [[ $cur == -* && -z $plain ]]; then
    while IFS='|' read -r kind name takes source about; do
      if [[ $kind == opt ]]; then found+=" $name"; fi
    done <<<"$data"
    found="words:$found"
  else
    while IFS='|' read -r kind name takes source about; do
      if [[ $kind == sub ]]; then subs+=" $name"; fi
      if [[ $kind == arg ]]; then
        if ((n == operands)) || [[ $takes == many && $n -le $operands ]]; then found=$source; fi
        n=$((n + 1))
      fi
    done <<<"$data"
    # A command that has others below it may also take an agent.
    if [[ -n $subs && $found != agents ]]; then found="words:$subs"; fi
  fi

  case $found in
    words:*) COMPREPLY=($(compgen -P "$prefix" -W "\${found#words:}" -- "$value")) ;;
    files | dirs)
      local how=-f
      if [[ $found == dirs ]]; then how=-d; fi
      IFS=$'\\n'
      COMPREPLY=($(compgen -P "$prefix" "$how" -- "$value"))
      compopt -o filenames 2>/dev/null
      ;;
    ?*)
      local names
      names=$("\${words[0]}" __complete "$found" "\${words[@]:1:last-1}" 2>/dev/null </dev/null)
      COMPREPLY=($(compgen -P "$prefix" -W "$subs $names" -- "$value"))
      ;;
  esac
  return 0
}

complete -F _agentctl agentctl
`;
