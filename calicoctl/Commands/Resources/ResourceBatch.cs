using System.Collections.Immutable;
using Calico.Cli.Connection;
using Calico.Cli.Input;

namespace Calico.Cli.Commands.Resources;

/// <summary>Does one thing to each of several resources and says how it went.</summary>
/// <param name="environment">Where to.</param>
/// <param name="verb">What is done.</param>
/// <param name="session">Where it is written.</param>
internal sealed class ResourceBatch(CliEnvironment environment, BatchVerb verb, CliSession session)
{
    private readonly List<string> _errors = [];
    private int _done;

    /// <summary>Runs it.</summary>
    /// <param name="manifests">On what.</param>
    /// <param name="action">Does one; false: it was skipped.</param>
    /// <returns>The exit code.</returns>
    internal async Task<int> RunAsync(ImmutableArray<Manifest> manifests, Func<Manifest, Task<bool>> action)
    {
        if (manifests.IsEmpty)
        {
            await environment.Output.WriteLineAsync("No resources specified");
            return 0;
        }

        var tried = 0;
        foreach (var manifest in manifests)
        {
            tried++;
            try
            {
                _done += await action(manifest) ? 1 : 0;
            }
            catch (Exception e) when (e is CalicoException or CliException)
            {
                _errors.Add(manifests.Length == 1 ? e.Message : $"{manifest.Kind.KeyOf(manifest.Resource)}: {e.Message}");
                // A store that does not answer one will not answer the next, after as long a wait.
                if (verb.StopsAtError || e is CalicoException { Problem: Problem.Unavailable })
                {
                    break;
                }
            }
        }

        var kinds = manifests.Select(manifest => manifest.Kind.Name).Distinct().ToArray();
        Report(kinds.Length == 1 ? $"'{kinds[0]}' " : "", manifests.Length, tried);
        return _errors.Count == 0 ? 0 : 1;
    }

    private void Report(string kind, int all, int tried)
    {
        if (_errors.Count == 0)
        {
            session.SayDone($"{verb.Past} {_done} {kind}resource(s)");
            return;
        }

        if (all == 1)
        {
            environment.Error.WriteLine($"failed to {verb.Present} {kind}resource: [{_errors[0]}]");
            return;
        }

        if (_done > 0)
        {
            session.SayPartlyDone($"{verb.Past} {_done} out of {all} {kind}resources");
        }

        environment.Error.WriteLine(
            $"failed to {verb.Present} {(_done == 0 && tried == all ? "any" : $"{_errors.Count} of {all}")} {kind}resources:");
        foreach (var error in _errors)
        {
            environment.Error.WriteLine($"  {error}");
        }

        if (tried < all)
        {
            environment.Error.WriteLine($"  {all - tried} more were not tried");
        }
    }
}
