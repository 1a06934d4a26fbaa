/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scripts by which shells complete command lines of `stint`. What fits is known by the program
 * itself (complete.h); a script hands over words and shows candidates in its shell's way.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "complete.h"

/*
 * Bash cuts words at "=" and ":" too. The pieces are put together again for the program, and what
 * it gives back loses what stands before the last of them, because bash replaces only the last
 * piece.
 */
static const char bash[] =
    "# bash completion of stint: source <(stint completion bash)\n"
    "_stint() {\n"
    "    local line=${COMP_LINE:0:COMP_POINT} breaks=${COMP_WORDBREAKS//[^=:]/}\n"
    "    local words=() reply=() word before=\"\" i\n"
    "    for ((i = 0; i <= COMP_CWORD; i++)); do\n"
    "        if [[ $i -eq 0 || $line == [[:space:]]* ]]; then\n"
    "            line=${line#\"${line%%[![:space:]]*}\"}\n"
    "            words+=(\"\")\n"
    "        fi\n"
    "        word=${COMP_WORDS[i]}\n"
    "        ((i < COMP_CWORD)) || word=$line\n"
    "        words[-1]+=$word\n"
    "        line=${line#\"$word\"}\n"
    "    done\n"
    "    word=${words[-1]}\n"
    "    [[ -z $breaks ]] || before=${word%\"${word##*[$breaks]}\"}\n"
    "    word=${word#\"$before\"}\n"
    "    mapfile -t reply < <(\"${1/#\\~\\//$HOME/}\" " COMPLETE_WORD
    " \"${words[@]:1}\" 2>/dev/null)\n"
    "    COMPREPLY=()\n"
    "    case ${reply[0]} in\n"
    "        :files)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
    "        :directories)\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
    "        *)\n"
    "            for i in \"${reply[@]%%$'\\t'*}\"; do\n"
    "                COMPREPLY+=(\"${i#\"$before\"}\")\n"
    "            done ;;\n"
    "    esac\n"
    "}\n"
    "complete -F _stint stint\n";

static const char zsh[] =
    "#compdef stint\n"
    "# zsh completion of stint: source <(stint completion zsh), or this file as _stint in a folder "
    "of "
    "$fpath\n"
    "_stint() {\n"
    "    local -a given candidates\n"
    "    local line\n"
    "    given=(\"${(@Q)words[2,CURRENT-1]}\" \"$PREFIX\")\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "            :files) compset -P '--*='; _files; return ;;\n"
    "            :directories) compset -P '--*='; _files -/; return ;;\n"
    "            *$'\\t') candidates+=(\"${${line%$'\\t'}//:/\\\\:}\") ;;\n"
    "            *) candidates+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done < <(\"${(Q)words[1]/#\\~\\//$HOME/}\" " COMPLETE_WORD
    " \"${given[@]}\" 2>/dev/null)\n"
    "    (( ${#candidates} )) && _describe -V stint candidates\n"
    "}\n"
    "if [[ $funcstack[1] == _stint ]]; then\n"
    "    _stint \"$@\"\n"
    "else\n"
    "    compdef _stint stint\n"
    "fi\n";

static const char fish[] =
    "# fish completion of stint: stint completion fish | source\n"
    "function __stint_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    set -l program (string replace -r '^~/' \"$HOME/\" -- $words[1])\n"
    "    set -l reply ($program " COMPLETE_WORD " $words[2..-1] \"$current\" 2>/dev/null)\n"
    "    set -l flag (string match -r -- '^--[^=]*=' \"$current\")\n"
    "    set -l path (string replace -r -- '^--[^=]*=' '' \"$current\")\n"
    "    switch \"$reply[1]\"\n"
    "        case :files\n"
    "            printf '%s\\n' \"$flag\"(__fish_complete_path \"$path\")\n"
    "        case :directories\n"
    "            printf '%s\\n' \"$flag\"(__fish_complete_directories \"$path\")\n"
    "        case '*'\n"
    "            printf '%s\\n' $reply\n"
    "    end\n"
    "end\n"
    "complete -c stint -f -a '(__stint_complete)'\n";

int
cmd_completion(struct cli *cli)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
    const char *shell = cli->args->words[0];
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        if (strcmp(shell, scripts[i].shell) == 0) {
            fputs(scripts[i].script, cli->out.stream);
            return EXIT_DONE;
        }
    }
    return cli_fail_exit(EXIT_USAGE, "complete for", shell, "it is bash, zsh or fish");
}
