using Calico.Dataplane;
using Calico.Datastore.Sync;

namespace Calico.Host.Node;

/// <summary>When sync has caught up, connections that began under the last known policy are judged by what is written now.</summary>
internal sealed class PolicyGap(DataplaneLoop dataplane) : IStoreFollower
{
    public void Accept(SyncBatch batch, SyncStatus before)
    {
        if (batch.Status == SyncStatus.InSync && before != SyncStatus.InSync)
        {
            dataplane.JudgeAgain();
        }
    }
}
