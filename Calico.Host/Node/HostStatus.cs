using System.Collections.Immutable;
using Calico.Dataplane;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Health;
using Calico.Host.Stages;

namespace Calico.Host.Node;

/// <summary>What the host can do now, from memory.</summary>
/// <param name="nodeName">This node.</param>
/// <param name="view">Where sync is, and whether the datastore is locked.</param>
/// <param name="health">What turns the node unready.</param>
/// <param name="gate">Whether the start is done, and no stop has begun.</param>
/// <param name="dataplane">Where the dataplane is.</param>
internal sealed class HostStatus(string nodeName, DatastoreView view, HealthBoard health, StartGate gate, Func<DataplaneStatus> dataplane)
    : IHostStatus
{
    public string NodeName => nodeName;

    public (bool Ready, ImmutableArray<string> Reasons) CanConnect
    {
        get
        {
            var reasons = health.NotReady;
            if (!gate.IsOpen)
            {
                reasons = reasons.Insert(0, $"host: {gate.Reason}");
            }

            if (dataplane() is { InSync: false } status)
            {
                reasons = reasons.Add(status.LastError is { } error
                    ? $"dataplane: the kernel does not hold what is desired, tried again: {KernelHealth.Line(error)}"
                    : "dataplane: not in sync with the datastore yet");
            }

            if (!view.DatastoreReady)
            {
                reasons = reasons.Add(view.Find(Kinds.ClusterInformation.Key("default")) is { Error: { } error }
                    ? $"datastore: ClusterInformation(default) cannot be used ({error}), so whether the datastore may be written is not "
                        + "known; mend it: calicoctl replace"
                    : "datastore: locked for a migration (ClusterInformation.spec.datastoreReady is false), or without ClusterInformation");
            }

            return (reasons.IsEmpty, reasons);
        }
    }

    public (long Revision, TimeSpan Age) Enforcing => (dataplane().EnforcedRevision, view.Sync.Age);

    public SyncStatus Datastore => view.Sync.Status;
}
