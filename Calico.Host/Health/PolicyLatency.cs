using System.Diagnostics.Metrics;
using Calico.Dataplane;
using Calico.Datastore.Sync;
using Calico.Host.Node;

namespace Calico.Host.Health;

/// <summary>How long a change of the store takes until the kernel enforces it, as a histogram.</summary>
/// <remarks>From when the change came here to the commit that has it wholly, with what it takes out of sets. Told by sync and by the loop,
/// each on its own thread. While the kernel refuses, as many wait as are kept; the later ones are not measured.</remarks>
internal sealed class PolicyLatency : IStoreFollower
{
    public const int MaxWaiting = 1000;

    private readonly TimeProvider _time;
    private readonly Histogram<double> _latency;
    private readonly Lock _guard = new();
    private readonly Queue<(long Revision, long At)> _waiting = [];

    public PolicyLatency(HostMeters meters, TimeProvider time)
    {
        _time = time;
        _latency = meters.Create("Calico.Policy").CreateHistogram<double>("calico_policy_latency_seconds", "s",
            "From a change of the store, as it came to this host, to the kernel's commit of it.");
    }

    /// <summary>Has the loop tell which revision is in force.</summary>
    public void Follow(DataplaneLoop loop) => loop.Changed += (_, _) => Note(loop.EnforcedRevision);

    /// <summary>Before the dataplane is told. The first list, and one after a gap, is no change: how old it is nobody knows.</summary>
    public void Accept(SyncBatch batch, SyncStatus before)
    {
        if (before != SyncStatus.InSync || batch.Status != SyncStatus.InSync || batch.Updates.IsEmpty)
        {
            return;
        }

        lock (_guard)
        {
            if (_waiting.Count < MaxWaiting)
            {
                _waiting.Enqueue((batch.Revision, _time.GetTimestamp()));
            }
        }
    }

    /// <summary>Revisions up to this one are in force. At once.</summary>
    public void Note(long enforced)
    {
        var done = new List<TimeSpan>();
        lock (_guard)
        {
            while (_waiting.TryPeek(out var first) && first.Revision <= enforced)
            {
                done.Add(_time.GetElapsedTime(_waiting.Dequeue().At));
            }
        }

        foreach (var elapsed in done)
        {
            _latency.Record(elapsed.TotalSeconds);
        }
    }
}
