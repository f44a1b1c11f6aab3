using System.Collections.Immutable;
using Calico.Cli.Connection;
using Calico.Cli.Endpoints;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;

namespace Calico.Cli.Commands.Resources;

/// <summary>Deletes resources one after the other; a failure does not keep the others.</summary>
internal sealed class Deletion(CliEnvironment environment, CliSession session, ImmutableArray<ResourceKey> targets, bool skipMissing,
    bool force)
{
    private readonly ResourceUsers _users = new(environment, session, targets);
    private int _done;
    private bool _failed;

    /// <summary>Runs it.</summary>
    /// <returns>The exit code.</returns>
    internal async Task<int> RunAsync(CancellationToken ct)
    {
        if (targets.IsEmpty)
        {
            await environment.Output.WriteLineAsync("No resources specified");
            return 0;
        }

        foreach (var key in targets)
        {
            try
            {
                await DeleteAsync(key, ct);
                _done++;
            }
            catch (CalicoException e) when (e.Problem == Problem.NotFound && skipMissing)
            {
                // That is what the user asked for.
            }
            catch (Exception e) when (e is CalicoException or CliException)
            {
                _failed = true;
                var hint = e is CalicoException { Problem: Problem.NotFound } ? await NameHint.ForAsync(session.Client, key, ct) : "";
                await environment.Error.WriteLineAsync($"Failed to delete '{key.Kind}' resource: {e.Message}{hint}");
                if (e is CalicoException { Problem: Problem.Unavailable })
                {
                    break;
                }
            }
        }

        var kinds = targets.Select(key => key.Kind).Distinct().ToArray();
        if (_done > 0 || !_failed)
        {
            session.SayDone($"deleted {_done} {(kinds.Length == 1 ? $"'{kinds[0]}' " : "")}resource(s)");
        }

        return _failed ? 1 : 0;
    }

    private async Task DeleteAsync(ResourceKey key, CancellationToken ct)
    {
        WriteRules.Check("delete", ResourceKinds.All.Of(key), key.Name);
        try
        {
            // What is not there is said to be missing, not to be in use.
            await session.Client.GetAsync(key, ct);
        }
        catch (CalicoException e) when (e.Problem == Problem.Damaged)
        {
            if (!force)
            {
                throw new CliException(
                    $"{e.Message}; so nobody can tell who uses it: write it anew with calicoctl replace, or delete it with --force");
            }

            await session.Client.DeleteUnreadableAsync(key, ct);
            return;
        }

        if (!force && await _users.FindAsync(key, ct) is { } use)
        {
            throw new CliException(use.Describe(key));
        }

        await session.Client.DeleteAsync(key, null, force, ct);
    }
}
