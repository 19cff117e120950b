/**
 * `peregrine completion SHELL`: scripts that know nothing themselves. Each asks the peregrine that is being typed
 * (`__complete`, complete.ts) what may come next, so that it never differs from what the command understands.
 */

import { UsageError } from './usage-error.ts';

// Colons divide words in bash, and IPv6 addresses have some: the line is divided here, and what readline takes for
// the beginning of the last word is cut off the candidates.
const BASH = `# bash completion for peregrine
_peregrine() {
  local line=\${COMP_LINE:0:COMP_POINT} current candidate text
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=\${words[\${#words[@]}-1]}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate text; do
    if [[ $candidate == :files ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
    fi
    COMPREPLY+=("$candidate")
  done < <("\${words[0]/#\\~/$HOME}" __complete "\${words[@]:1}" 2>/dev/null)
  if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
    local before=\${current%"\${current##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$before"}")
  fi
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
}
complete -F _peregrine peregrine
`;

const ZSH = `#compdef peregrine
# zsh completion for peregrine
_peregrine() {
  local line
  local -a lines found
  lines=("\${(@f)$("\${(Q)words[1]/#\\~/$HOME}" __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    local candidate=\${line%%$'\\t'*} text=
    [[ $line == *$'\\t'* ]] && text=\${line#*$'\\t'}
    found+=("\${candidate//:/\\\\:}\${text:+:$text}")
  done
  (( $#found )) && _describe -V peregrine found
}
if [[ $funcstack[1] == _peregrine ]]; then
  _peregrine "$@"
else
  compdef _peregrine peregrine
fi
`;

const FISH = `# fish completion for peregrine
function __peregrine_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($before[1] __complete $before[2..-1] "$current" 2>/dev/null)
    if test "$found" = ":files"
        __fish_complete_path "$current"
    else
        printf '%s\\n' $found
    end
end
complete -c peregrine -f -k -a '(__peregrine_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export async function writeCompletion(shell: string): Promise<number> {
  if (!Object.hasOwn(SCRIPTS, shell)) throw new UsageError(`${shell}: wanted bash, zsh or fish`);
  process.stdout.write(SCRIPTS[shell]);
  return 0;
}
