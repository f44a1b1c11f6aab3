using System.Collections.Immutable;
using Calico.Datastore.Resources;
using Calico.Datastore.Sync;
using Calico.Host.Health;

namespace Calico.Host.Node;

/// <summary>What the host can do now, from memory.</summary>
public sealed class HostStatus(string nodeName, DatastoreView view, HealthBoard health, Func<(long Revision, bool InSync)> enforced) : IHostStatus
{
    public string NodeName => nodeName;

    public (bool Ready, ImmutableArray<string> Reasons) CanConnect
    {
        get
        {
            var reasons = health.NotReady;
            if (!enforced().InSync)
            {
                reasons = reasons.Add("dataplane: not in sync with the datastore yet");
            }

            if (!view.DatastoreReady)
            {
                reasons = reasons.Add(view.Find(Kinds.ClusterInformation.Key("default")) is { Error: { } error }
                    ? $"datastore: ClusterInformation(default) cannot be used ({error}), so whether the datastore may be written is not known; mend it: calicoctl replace"
                    : "datastore: locked for a migration (ClusterInformation.spec.datastoreReady is false), or without ClusterInformation");
            }

            return (reasons.IsEmpty, reasons);
        }
    }

    public (long Revision, TimeSpan Age) Enforcing => (enforced().Revision, view.Sync.Age);

    public SyncStatus Datastore => view.Sync.Status;
}
