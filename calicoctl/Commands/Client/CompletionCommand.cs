using System.CommandLine;
using Calico.Cli.Connection;
using Calico.Datastore.Resources;

namespace Calico.Cli.Commands.Client;

/// <summary><c>calicoctl completion SHELL</c> prints a script; <c>completion-names KIND</c> is what the script asks for live names.
/// </summary>
internal static class CompletionCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    internal static Command Create(CliEnvironment environment)
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh, fish or pwsh." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish", "pwsh");
        var command = new Command("completion", "Print a script that lets a shell complete commands, kinds and names.") { shell };
        command.SetAction((result, _) =>
        {
            environment.Output.Write(result.GetValue(shell) switch { "bash" => Bash, "zsh" => Zsh, "fish" => Fish, _ => Pwsh });
            return Task.FromResult(0);
        });
        return command;
    }

    internal static Command CreateNames(CliEnvironment environment)
    {
        var kind = new Argument<string>("KIND");
        var command = new Command("completion-names") { kind };
        command.Hidden = true;
        command.SetAction(async (result, ct) =>
        {
            if (!ResourceKinds.All.TryFind(result.GetValue(kind)!, out var target))
            {
                return 0;
            }

            using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
            limit.CancelAfter(Patience);
            try
            {
                await using var session = CliSession.Open(environment, result);
                foreach (var resource in (await session.Client.ListAsync(target, "", limit.Token)).Items)
                {
                    await environment.Output.WriteLineAsync(resource.Metadata.Name);
                }
            }
            catch (Exception e) when (e is CalicoException or CliException or OperationCanceledException)
            {
                // Whoever presses Tab wants names or nothing; the command itself will say what is wrong.
                return 1;
            }

            return 0;
        });
        return command;
    }

    private const string Bash = """
        _calicoctl() {
            local current="${COMP_WORDS[COMP_CWORD]}" suggestions
            case "${COMP_WORDS[1]}" in
                get|delete|label|patch)
                    if [ "$COMP_CWORD" -ge 3 ] && [ "${current#-}" = "$current" ]; then
                        suggestions="$(calicoctl completion-names "${COMP_WORDS[2]}" 2>/dev/null)"
                    fi ;;
            esac
            if [ -z "$suggestions" ]; then
                suggestions="$(calicoctl "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)"
            fi
            COMPREPLY=($(compgen -W "$suggestions" -- "$current"))
        }
        complete -F _calicoctl calicoctl

        """;

    private const string Zsh = """
        #compdef calicoctl
        _calicoctl() {
            local -a suggestions
            if (( CURRENT >= 4 )) && [[ "$words[2]" == (get|delete|label|patch) && "$words[CURRENT]" != -* ]]; then
                suggestions=("${(@f)$(calicoctl completion-names "$words[3]" 2>/dev/null)}")
            fi
            if (( ! ${#suggestions:#} )); then
                suggestions=("${(@f)$(calicoctl "[suggest:${#BUFFER}]" "$BUFFER" 2>/dev/null)}")
            fi
            compadd -- $suggestions
        }
        compdef _calicoctl calicoctl

        """;

    private const string Fish = """
        function __calicoctl_suggest
            set -l words (commandline -opc)
            if test (count $words) -ge 3; and contains -- $words[2] get delete label patch
                calicoctl completion-names $words[3] 2>/dev/null
            end
            calicoctl "[suggest:"(commandline -C)"]" (commandline -p) 2>/dev/null
        end
        complete -c calicoctl -f -a '(__calicoctl_suggest)'

        """;

    private const string Pwsh = """
        Register-ArgumentCompleter -Native -CommandName calicoctl -ScriptBlock {
            param($word, $ast, $position)
            $words = $ast.CommandElements
            $names = if ($words.Count -ge 3 -and "$($words[1])" -in 'get', 'delete', 'label', 'patch') {
                calicoctl completion-names "$($words[2])" 2>$null
            }
            if (-not $names) { $names = calicoctl "[suggest:$position]" "$ast" 2>$null }
            $names | Where-Object { $_ -like "$word*" } | ForEach-Object {
                [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
            }
        }

        """;
}
