using System.Collections.Immutable;
using Calico.Cli.Input;

namespace Calico.Cli.Commands;

/// <summary>Does one thing to each of several resources and says in upstream's words how it went.</summary>
internal sealed class ResourceBatch(CliEnvironment environment, BatchVerb verb)
{
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

        var done = 0;
        var errors = new List<string>();
        foreach (var manifest in manifests)
        {
            try
            {
                done += await action(manifest) ? 1 : 0;
            }
            catch (Exception e) when (e is CalicoException or CliException)
            {
                errors.Add(e.Message);
                if (verb.StopsAtError)
                {
                    break;
                }
            }
        }

        return await ReportAsync(manifests, done, errors);
    }

    private async Task<int> ReportAsync(ImmutableArray<Manifest> manifests, int done, List<string> errors)
    {
        var kinds = manifests.Select(manifest => manifest.Kind.Name).Distinct().ToArray();
        var kind = kinds.Length == 1 ? $"'{kinds[0]}' " : "";
        if (errors.Count == 0)
        {
            await environment.Output.WriteLineAsync($"Successfully {verb.Past} {done} {kind}resource(s)");
            return 0;
        }

        var all = $"[{string.Join(' ', errors)}]";
        if (manifests.Length == 1)
        {
            await environment.Error.WriteLineAsync($"failed to {verb.Present} {kind}resource: {all}");
        }
        else if (done == 0)
        {
            await environment.Error.WriteLineAsync($"failed to {verb.Present} any {kind}resources: {all}");
        }
        else
        {
            await environment.Output.WriteLineAsync($"Partial success: {verb.Past} the first {done} out of {manifests.Length} {kind}resources:");
            await environment.Error.WriteLineAsync($"hit error: {all}");
        }

        return 1;
    }
}
