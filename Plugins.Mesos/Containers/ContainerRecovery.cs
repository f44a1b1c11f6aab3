using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Calico.Plugins.Mesos.Containers;

/// <summary>What came of an agent's list of containers.</summary>
internal sealed record RecoveryOutcome(ImmutableArray<ContainerView> Adopted, ImmutableArray<string> Collected,
    ImmutableArray<(string Id, string Reason)> NotCollected, ImmutableArray<string> Unknown);

/// <summary>An agent that has started tells what runs: a complete report of its own containers.</summary>
internal sealed partial class ContainerRecovery(ContainerBook book, ContainerState states, ContainerRemoval removal,
    ILogger<ContainerRecovery> log)
{
    /// <summary>Collects what is not named. Another agent's containers are not this one's to forget, nor are those that are prepared
    /// after the call came, nor one whose document is damaged: whose it is nobody knows.</summary>
    public async Task<RecoveryOutcome> RecoverAsync(ImmutableArray<ContainerPath> live, string agent, CancellationToken ct)
    {
        var named = live.Select(c => c.Text).ToHashSet(StringComparer.Ordinal);
        var before = book.All;
        var adopted = ImmutableArray.CreateBuilder<ContainerView>();
        foreach (var record in before.Where(r => named.Contains(r.Id)))
        {
            adopted.Add(await states.ViewAsync(record, ct));
        }

        var (collected, left) = (ImmutableArray.CreateBuilder<string>(), ImmutableArray.CreateBuilder<(string, string)>());
        // Children first.
        foreach (var record in before.Where(r => r.Agent == agent && !named.Contains(r.Id)).OrderByDescending(r => r.Id.Length))
        {
            try
            {
                if (await removal.CleanupAsync(record, ct))
                {
                    collected.Add(record.Id);
                }
            }
            catch (CalicoException e)
            {
                book.MarkEnding(record.Id);
                left.Add((record.Id, e.Message));
            }
        }

        if (collected.Count + left.Count > 0)
        {
            Log.Collected(log, agent, collected.Count, left.Count);
        }

        var known = before.Select(r => r.Id).ToHashSet(StringComparer.Ordinal);
        return new(adopted.ToImmutable(), collected.ToImmutable(),
            left.ToImmutable(), [.. named.Where(id => !known.Contains(id)).Order(StringComparer.Ordinal)]);
    }

    private static partial class Log
    {
        [LoggerMessage(7301, LogLevel.Information,
            "Agent '{Agent}' has started without {Count} of its containers: removed; {Left} are left to be tried again")]
        public static partial void Collected(ILogger log, string agent, int count, int left);
    }
}
