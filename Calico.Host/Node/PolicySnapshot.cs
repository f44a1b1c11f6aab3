using System.Collections.Immutable;
using System.Threading.Channels;
using Calico.Datastore.Resources;
using Calico.Datastore.Store;
using Calico.Datastore.Sync;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Node;

/// <summary>The last policy that a distant store told, in a file of its own: what this node enforces when it starts while the store is
/// away. With the embedded store there is none: the store is on this disk itself.</summary>
/// <remarks>
/// Written behind the dataplane, which never waits for it. A snapshot that is a moment old is as good as a store that is.
/// Values are kept as they stand in the store and read by the reader of sync, so a value means the same from here as from there: what
/// cannot be used is not absent.
/// </remarks>
internal sealed partial class PolicySnapshot : IStoreFollower
{
    /// <summary>Of the file, beside the node log.</summary>
    public const string FileName = "policy-snapshot";

    /// <summary>Where former versions kept it in the node log, whose entries stay in memory.</summary>
    private static readonly ImmutableArray<string> FormerSections = ["snapshot/", "snapshot-revision"];

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly SnapshotFile _file;
    private readonly INodeLog _log;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    // Unbounded in number but not in time: the writer takes all that waits at once. Stored bytes wait, not what was read from them.
    private readonly Channel<Told> _waiting = Channel.CreateUnbounded<Told>(new() { SingleReader = true });

    /// <summary>The first list, packed, until it is whole and on the disk; null afterwards.</summary>
    private List<byte[]>? _list = [];

    private bool _isWhole;

    /// <param name="path">The file.</param>
    /// <param name="log">Rid of what a former version kept there.</param>
    /// <param name="time">For the wait between two tries.</param>
    /// <param name="logger">Gets what could not be read or written.</param>
    public PolicySnapshot(string path, INodeLog log, TimeProvider time, ILogger<PolicySnapshot> logger) =>
        (_file, _log, _time, _logger) = (new(path), log, time, logger);

    /// <summary>The snapshot in portions, as sync would tell it: all but the last say that more is to come. None when there is no snapshot.
    /// </summary>
    public IEnumerable<SyncBatch> Read()
    {
        using var frames = _file.Read().GetEnumerator();
        var revision = 0L;
        while (Next(frames, ref revision) is { } frame)
        {
            yield return new(SyncStatus.Resync, revision, [.. frame.Entries.Select(Decode).OfType<SyncUpdate>()]);
        }

        if (revision > 0)
        {
            yield return new(SyncStatus.InSync, revision, []);
        }
    }

    public void Accept(SyncBatch batch) =>
        _waiting.Writer.TryWrite(new(batch.Status, batch.Revision, [.. batch.Updates.SelectMany(Entry)]));

    void IStoreFollower.Accept(SyncBatch batch, SyncStatus before) => Accept(batch);

    /// <summary>Writes until cancelled.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        // What could not be written stays here for the next round: sync does not repeat it.
        var changes = new Dictionary<string, SnapshotEntry>(StringComparer.Ordinal);
        var revision = 0L;
        while (await _waiting.Reader.WaitToReadAsync(ct))
        {
            while (_waiting.Reader.TryRead(out var told))
            {
                revision = told.Revision > 0 ? told.Revision : revision;
                if (!_isWhole)
                {
                    _isWhole = told.Status == SyncStatus.InSync;
                    _list!.Add(new SnapshotFrame(revision, _isWhole, told.Entries).Encode());
                    continue;
                }

                foreach (var entry in told.Entries)
                {
                    changes[entry.Key] = entry;
                }
            }

            if (!_isWhole)
            {
                continue;
            }

            try
            {
                await WriteListAsync(ct);
                if (changes.Count > 0)
                {
                    _file.Append(new SnapshotFrame(revision, EndsList: false, [.. changes.Values]).Encode());
                    changes.Clear();
                }

                if (_file.IsWorn)
                {
                    _file.Renew();
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or CalicoException)
            {
                Log.NotWritten(_logger, e.Message);
                _waiting.Writer.TryWrite(new(SyncStatus.Resync, 0, []));
                await Task.Delay(RetryDelay, _time, ct);
            }
        }
    }

    private async Task WriteListAsync(CancellationToken ct)
    {
        if (_list is not null)
        {
            _file.Replace(_list);
            _list = null;
            await ForgetFormerAsync(ct);
        }
    }

    private async Task ForgetFormerAsync(CancellationToken ct)
    {
        ImmutableArray<NodeLogWrite> former = [.. FormerSections.SelectMany(section => _log.List(section))
            .Select(e => new NodeLogWrite(e.Key, null))];
        if (!former.IsEmpty)
        {
            await _log.CommitAsync(former, ct);
        }
    }

    /// <summary>The next frame. A file that cannot be read to its end is none: half of what was in force must not be taken for all.
    /// </summary>
    private SnapshotFrame? Next(IEnumerator<SnapshotFrame> frames, ref long revision)
    {
        try
        {
            if (!frames.MoveNext())
            {
                return null;
            }

            revision = frames.Current.Revision;
            return frames.Current;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CalicoException)
        {
            Log.NotRead(_logger, e.Message);
            revision = 0;
            return null;
        }
    }

    /// <summary>Kinds that are no resources (blocks) are the store's alone.</summary>
    private static IEnumerable<SnapshotEntry> Entry(SyncUpdate update) => ResourceKinds.All.TryFind(update.Key.Kind, out var kind)
        ? [new(kind.Path(update.Key), update.Value is null && update.Error is null ? (ReadOnlyMemory<byte>?)null : update.Stored)]
        : [];

    private static SyncUpdate? Decode(SnapshotEntry entry) => entry.Value is { } value
        ? ResourceKinds.All.TryDecode(entry.Key, value, out var update) ? update : null
        : ResourceKinds.All.TryName(entry.Key, out var resource) ? new(resource, null) : null;

    private readonly record struct Told(SyncStatus Status, long Revision, ImmutableArray<SnapshotEntry> Entries);

    private static partial class Log
    {
        [LoggerMessage(1301, LogLevel.Warning, "the policy snapshot was not written: {Reason}")]
        public static partial void NotWritten(ILogger logger, string reason);

        [LoggerMessage(1302, LogLevel.Error, "the policy snapshot cannot be read: {Reason}; without the datastore workloads stay closed")]
        public static partial void NotRead(ILogger logger, string reason);
    }
}
