using System.Collections.Immutable;
using System.Threading.Channels;
using Calico.Datastore.Sync;

namespace Calico.Dataplane;

/// <summary>What waits for the loop.</summary>
/// <remarks>Bounded: of the store's changes only the last state of each resource waits (as many as there are resources), and requests
/// are as many as callers wait for one; notices of the kernel beyond <see cref="MaxNotices"/> become one "read everything anew".
/// Safe from any thread.</remarks>
internal sealed class LoopInbox
{
    private const int MaxNotices = 4096;

    private readonly Lock _gate = new();
    private readonly Channel<bool> _wake =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private Dictionary<ResourceKey, SyncUpdate> _updates = [];
    private SyncStatus _status;
    private long _revision;
    private bool _hasBatch;
    private List<LoopRequest> _requests = [];
    private int _notices;

    public void Accept(SyncBatch batch)
    {
        lock (_gate)
        {
            foreach (var update in batch.Updates)
            {
                _updates[update.Key] = update;
            }
            // In sync once is in sync: a later list that is still under way only brings more states.
            _status = _status == SyncStatus.InSync ? SyncStatus.InSync : batch.Status;
            _revision = Math.Max(_revision, batch.Revision);
            _hasBatch = true;
        }

        Wake();
    }

    public void Post(LoopRequest request)
    {
        lock (_gate)
        {
            if (request is LoopRequest.NftNotice or LoopRequest.RouteNotice && ++_notices > MaxNotices)
            {
                // The last two kinds of notice stay as "something was lost".
                _requests.RemoveAll(r => r is LoopRequest.NftNotice or LoopRequest.RouteNotice);
                _requests.Add(new LoopRequest.RouteNotice(new Linux.Route.RouteEvent.Lost()));
                _requests.Add(new LoopRequest.NftNotice(new(0, 0, "", [], Lost: true)));
                _notices = 2;
            }
            else
            {
                _requests.Add(request);
            }
        }

        Wake();
    }

    public void Wake() => _wake.Writer.TryWrite(true);

    /// <summary>Waits until there may be something, or somebody called <see cref="Wake"/>.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken ct) => _wake.Reader.ReadAsync(ct);

    /// <summary>Takes everything.</summary>
    public (SyncBatch? Batch, List<LoopRequest> Requests) Take()
    {
        Dictionary<ResourceKey, SyncUpdate> updates;
        List<LoopRequest> requests;
        SyncStatus status;
        long revision;
        bool hasBatch;
        lock (_gate)
        {
            (updates, requests, status, revision, hasBatch) = (_updates, _requests, _status, _revision, _hasBatch);
            (_updates, _requests, _hasBatch, _notices) = ([], [], false, 0);
        }

        // Outside: whoever tells of a first list of 100,000 resources waits for the gate.
        return (hasBatch ? new SyncBatch(status, revision, [.. updates.Values]) : null, requests);
    }
}
