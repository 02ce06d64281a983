import type { CompletionTable } from "./table.ts";

/** The script for fish. */
export function fishCompletion(table: CompletionTable): string {
  const cases = [...table].map(
    ([path, lines]) => `        case ${quoted(path)}
            printf '%s\\n' ${lines.map(quoted).join(" ")}
`,
  );
  return `# Completion of agentctl for fish. To have it in every shell:
#   agentctl completion fish > ~/.config/fish/completions/agentctl.fish

function __agentctl_data
    switch $argv[1]
${cases.join("")}    end
end
${BODY}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

const BODY = `
function __agentctl_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l way
    set -l lines (__agentctl_data '')
    set -l wants ''
    set -l flag ''
    set -l plain ''
    set -l operands 0
    for word in $words[2..-1]
        if test "$wants" = one; or begin; test "$wants" = maybe; and not string match -q -- '-*' $word; end
            set wants ''
            continue
        end
        set wants ''
        if test -n "$plain"
            set operands (math $operands + 1)
        else if test "$word" = --
            set plain yes
        else if string match -q -- '-*=*' $word
            continue
        else if string match -q -- '-*' $word
            for line in $lines
                set -l part (string split '|' -- $line)
                if test $part[1] = opt -a "x$part[2]" = "x$word" -a $part[3] != none
                    set wants $part[3]
                    set flag $word
                end
            end
        else
            set -l sub ''
            for line in $lines
                set -l part (string split '|' -- $line)
                if test $part[1] = sub -a "x$part[2]" = "x$word"
                    set sub $word
                end
            end
            if test -n "$sub"
                set way $way $sub
                set lines (__agentctl_data "$way")
            else
                set operands (math $operands + 1)
            end
        end
    end

    set -l prefix ''
    if test -z "$wants" -a -z "$plain"; and string match -q -- '--*=*' $cur
        set wants one
        set flag (string split -m 1 = -- $cur)[1]
        set prefix "$flag="
    end
    set -l found ''
    if test "$wants" = one; or begin; test "$wants" = maybe; and not string match -q -- '-*' $cur; end
        for line in $lines
            set -l part (string split '|' -- $line)
            if test $part[1] = opt -a "x$part[2]" = "x$flag"
                set found $part[4]
            end
        end
    else if test -z "$plain"; and string match -q -- '-*' $cur
        for line in $lines
            set -l part (string split '|' -- $line)
            test $part[1] = opt; and printf '%s\\t%s\\n' $part[2] $part[5]
        end
        return
    else
        set -l n 0
        set -l subs
        for line in $lines
            set -l part (string split '|' -- $line)
            switch $part[1]
                case sub
                    set subs $subs (printf '%s\\t%s' $part[2] $part[5])
                case arg
                    if test $n -eq $operands; or test $part[3] = many -a $n -le $operands
                        set found $part[4]
                    end
                    set n (math $n + 1)
            end
        end
        if set -q subs[1]
            printf '%s\\n' $subs
            test "$found" = agents; or return
        end
    end

    switch $found
        case 'words:*'
            for word in (string split ' ' -- (string replace 'words:' '' -- $found))
                echo $prefix$word
            end
        case files
            __fish_complete_path (string replace -- $prefix '' $cur) | string replace -r '^' -- $prefix
        case dirs
            __fish_complete_directories (string replace -- $prefix '' $cur) '' | string replace -r '^' -- $prefix
        case ''
            return
        case '*'
            for name in ($words[1] __complete $found $words[2..-1] 2>/dev/null </dev/null)
                echo $prefix$name
            end
    end
end

complete -c agentctl -f -a '(__agentctl_complete)'
`;
