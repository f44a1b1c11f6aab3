using System.Text;
using System.Threading.Channels;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>The last policy that a distant store told, kept in the node log: what this node enforces when it starts while the store is
/// away. With the embedded store there is none: the store is on this disk itself.</summary>
/// <remarks>Written behind the dataplane, which never waits for it. A snapshot that is a moment old is as good as a store that is.</remarks>
public sealed partial class PolicySnapshot(INodeLog log, TimeProvider time, ILogger<PolicySnapshot> logger) : IStoreFollower
{
    private const string Section = "snapshot/";
    private const string RevisionKey = "snapshot-revision";

    /// <summary>Before the reason why a value cannot be used: no JSON begins so, and a former version takes it for unusable too.</summary>
    private const byte Unusable = 0;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    // Unbounded in number but not in time: the writer takes all that waits into one commit.
    private readonly Channel<SyncBatch> _waiting = Channel.CreateUnbounded<SyncBatch>(new() { SingleReader = true });
    private readonly HashSet<string> _seen = [];
    private bool _listed;

    /// <summary>The snapshot as one batch, or null when there is none.</summary>
    public SyncBatch? Read()
    {
        if (log.Get(RevisionKey) is not { Length: sizeof(long) } revision)
        {
            return null;
        }

        var updates = new List<SyncUpdate>();
        foreach (var (key, value) in log.List(Section))
        {
            if (ResourceKinds.All.TryDecode(key[Section.Length..], value, out var update))
            {
                updates.Add(value.Span is [Unusable, .. var reason] ? update with { Error = Encoding.UTF8.GetString(reason) } : update);
            }
        }

        return new(SyncStatus.InSync, BitConverter.ToInt64(revision.Span), [.. updates]);
    }

    public void Accept(SyncBatch batch) => _waiting.Writer.TryWrite(batch);

    void IStoreFollower.Accept(SyncBatch batch, SyncStatus before) => Accept(batch);

    /// <summary>Writes until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        // What could not be written stays here for the next round: sync does not repeat it.
        var writes = new Dictionary<string, NodeLogWrite>();
        var revision = 0L;
        while (await _waiting.Reader.WaitToReadAsync(ct))
        {
            while (_waiting.Reader.TryRead(out var batch))
            {
                revision = batch.Revision > 0 ? batch.Revision : revision;
                foreach (var update in batch.Updates)
                {
                    Add(update, writes);
                }

                if (batch.Status == SyncStatus.InSync && !_listed)
                {
                    // The first list is complete: what it did not have is gone.
                    _listed = true;
                    foreach (var (key, _) in log.List(Section).Where(e => !_seen.Contains(e.Key)))
                    {
                        writes[key] = new(key, null);
                    }

                    _seen.Clear();
                }
            }

            if (!_listed)
            {
                continue;
            }

            writes[RevisionKey] = new(RevisionKey, BitConverter.GetBytes(revision));
            try
            {
                await log.CommitAsync([.. writes.Values], ct);
                writes.Clear();
            }
            catch (CalicoException e)
            {
                Log.NotWritten(logger, e.Message);
                _waiting.Writer.TryWrite(new(SyncStatus.Resync, 0, []));
                await Task.Delay(RetryDelay, time, ct);
            }
        }
    }

    private void Add(SyncUpdate update, Dictionary<string, NodeLogWrite> writes)
    {
        if (!ResourceKinds.All.TryFind(update.Key.Kind, out var kind))
        {
            return;
        }

        var key = Section + kind.Path(update.Key);
        // What cannot be used is not absent: a profile that nobody can read denies, one that is not there an adapter may make.
        byte[]? value = update.Error is { } error ? [Unusable, .. Encoding.UTF8.GetBytes(error)]
            : update.Value is { } resource ? kind.Encode(resource)
            : null;
        // The cast keeps "gone" null: a plain null would become an empty value, which is one that cannot be used.
        writes[key] = new(key, value is null ? (ReadOnlyMemory<byte>?)null : value);
        if (!_listed && value is not null)
        {
            _seen.Add(key);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1301, LogLevel.Warning, "the policy snapshot was not written: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);
    }
}
