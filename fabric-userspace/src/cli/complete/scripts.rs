//! What is put behind clap's own scripts, so that bash, zsh and fish offer live names too.

use clap_complete::Shell;

/// What makes a script of clap offer live names too; empty for shells without it.
pub(super) fn live_names(shell: Shell) -> &'static str {
    let known = [(Shell::Bash, BASH), (Shell::Zsh, ZSH), (Shell::Fish, FISH)];
    known
        .iter()
        .find(|(name, _)| *name == shell)
        .map_or("", |(_, script)| script)
}

// `compgen -W` would expand what looks like `$(...)` in a name.
const BASH: &str = r#"
_fabric_live() {
    local name current
    local -a names=()
    current="${COMP_WORDS[COMP_CWORD]}"
    while IFS= read -r name; do
        names+=("${name}")
    done < <("${COMP_WORDS[0]}" complete-names -- "${COMP_WORDS[@]:0:COMP_CWORD}" 2>/dev/null)
    if [[ ${#names[@]} -eq 0 || "${current}" == -* ]]; then
        _fabric "$@"
        return
    fi
    COMPREPLY=()
    for name in "${names[@]}"; do
        [[ "${name}" == "${current}"* ]] && COMPREPLY+=("${name}")
    done
    return 0
}

if [[ "${BASH_VERSINFO[0]}" -eq 4 && "${BASH_VERSINFO[1]}" -ge 4 || "${BASH_VERSINFO[0]}" -gt 4 ]]; then
    complete -F _fabric_live -o nosort -o bashdefault -o default fabric
else
    complete -F _fabric_live -o bashdefault -o default fabric
fi
"#;

const ZSH: &str = r#"
_fabric_live() {
    local -a names
    names=(${(f)"$(${words[1]} complete-names -- ${words[1,CURRENT-1]} 2>/dev/null)"})
    if (( ${#names} )) && [[ "${words[CURRENT]}" != -* ]]; then
        compadd -a names
        return
    fi
    _fabric "$@"
}
compdef _fabric_live fabric
"#;

const FISH: &str = r#"
complete -c fabric -f -a "(fabric complete-names -- (commandline -opc) 2>/dev/null)"
"#;
