using System.Threading.Channels;
using Calico.Datastore.Store;
using Calico.EmbeddedStore.Api.Wire;
using Calico.EmbeddedStore.Engine;
using Grpc.Core;

namespace Calico.EmbeddedStore.Api;

/// <summary>The watches of one client stream, fed by one loop: what it sends is in order by construction, and a progress answer can
/// never overtake a change (etcd 3.4's can).</summary>
internal sealed class WatchSession(EmbeddedEngine engine, IServerStreamWriter<WatchResponse> responses,
    ChannelReader<WatchRequest> requests)
{
    private const int MaxWatches = 1000;
    private const long AllWatches = -1;

    private readonly Dictionary<long, Subscription> _watches = [];
    private long _nextId;
    private bool _progressAsked;

    public async Task RunAsync(CancellationToken ct)
    {
        var ended = false;
        Task<bool>? asked = null;
        while (!ended || _watches.Count > 0)
        {
            engine.ThrowIfClosed();
            var changed = engine.History.Next;
            while (requests.TryRead(out var request))
            {
                await AcceptAsync(request, ct);
            }

            var revision = engine.State.Revision;
            var isCurrent = true;
            foreach (var watch in _watches.Values.ToList())
            {
                isCurrent &= await SendChangesAsync(watch, ct);
            }

            if (!isCurrent)
            {
                continue;
            }

            if (_progressAsked)
            {
                _progressAsked = false;
                await responses.WriteAsync(Response(AllWatches, revision), ct);
            }

            if (ended)
            {
                await changed.WaitAsync(ct);
            }
            else
            {
                // Kept while it is pending: a new wait for every change would pile up in the channel.
                asked ??= requests.WaitToReadAsync(ct).AsTask();
                await Task.WhenAny(changed, asked);
                if (asked.IsCompleted)
                {
                    ended = !await asked;
                    asked = null;
                }
            }
        }
    }

    private async Task AcceptAsync(WatchRequest request, CancellationToken ct)
    {
        switch (request.RequestUnionCase)
        {
            case WatchRequest.RequestUnionOneofCase.CreateRequest:
                await CreateAsync(request.CreateRequest, ct);
                break;
            case WatchRequest.RequestUnionOneofCase.CancelRequest:
                if (_watches.Remove(request.CancelRequest.WatchId))
                {
                    await responses.WriteAsync(Canceled(request.CancelRequest.WatchId, "", 0), ct);
                }

                break;
            case WatchRequest.RequestUnionOneofCase.ProgressRequest:
                _progressAsked = true;
                break;
            default:
                break;
        }
    }

    private async Task CreateAsync(WatchCreateRequest request, CancellationToken ct)
    {
        var id = request.WatchId;
        var refusal = _watches.Count >= MaxWatches ? "too many watches on this stream"
            : id != 0 && _watches.ContainsKey(id) ? "there is a watch with this id"
            : request.Key.IsEmpty && request.RangeEnd.IsEmpty ? "a watch needs a key"
            : null;
        if (refusal is not null)
        {
            var refused = Canceled(id, $"etcdserver: {refusal}", 0);
            refused.Created = true;
            await responses.WriteAsync(refused, ct);
            return;
        }

        if (id == 0)
        {
            while (_watches.ContainsKey(_nextId))
            {
                _nextId++;
            }

            id = _nextId++;
        }

        // An empty first key of a range is etcd's "from the start".
        var keys = EtcdMessages.ToInterval(request.Key, request.RangeEnd);
        var revision = engine.State.Revision;
        _watches[id] = new Subscription(id, keys, request.PrevKv,
            request.Filters.Contains(WatchCreateRequest.Types.FilterType.Noput),
            request.Filters.Contains(WatchCreateRequest.Types.FilterType.Nodelete))
        {
            Position = request.StartRevision > 0 ? request.StartRevision : revision + 1,
        };
        var created = Response(id, revision);
        created.Created = true;
        await responses.WriteAsync(created, ct);
    }

    /// <summary>True: the watch has everything there is.</summary>
    private async Task<bool> SendChangesAsync(Subscription watch, CancellationToken ct)
    {
        var position = watch.Position;
        List<KeyVersion>? changes;
        try
        {
            changes = engine.ReadChanges(ref position, watch.Keys);
        }
        catch (CompactedException error)
        {
            _watches.Remove(watch.Id);
            await responses.WriteAsync(Canceled(watch.Id, "etcdserver: mvcc: required revision has been compacted", error.Oldest), ct);
            return true;
        }

        if (changes is null)
        {
            return true;
        }

        watch.Position = position;
        changes.RemoveAll(c => c.IsDeletion ? watch.NoDeletes : watch.NoPuts);
        if (changes.Count > 0)
        {
            var response = Response(watch.Id, position - 1);
            response.Events.AddRange(changes.Select(c => EtcdMessages.ToEvent(c, watch.WithPrevious)));
            await responses.WriteAsync(response, ct);
        }

        return position > engine.State.Revision;
    }

    private WatchResponse Response(long id, long revision) => new() { Header = EtcdMessages.Header(engine, revision), WatchId = id };

    private WatchResponse Canceled(long id, string reason, long compacted)
    {
        var response = Response(id, engine.State.Revision);
        response.Canceled = true;
        response.CancelReason = reason;
        response.CompactRevision = compacted;
        return response;
    }

    private sealed record Subscription(long Id, KeyInterval Keys, bool WithPrevious, bool NoPuts, bool NoDeletes)
    {
        /// <summary>Next revision it has not been told of.</summary>
        public long Position { get; set; }
    }
}
