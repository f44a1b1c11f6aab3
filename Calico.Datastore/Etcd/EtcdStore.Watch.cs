using System.Runtime.CompilerServices;
using Calico.Datastore.Store;
using Etcdserverpb;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Mvccpb;

namespace Calico.Datastore.Etcd;

/// <summary>Watches: one stream each, made again after the last delivered revision when it breaks.</summary>
/// <remarks>
/// Facts: the header of a response with changes carries the store's revision, not that of the changes, so the position follows the
/// changes themselves. The answer to a progress request may overtake changes (etcd before 3.4.25 and 3.5.8), so a revision counts as
/// complete only when the next answer has come, and never moves the position. A member that was restored from a backup, or another
/// cluster behind the same name, goes on with lower or foreign revisions: then only a new list helps.
/// </remarks>
public sealed partial class EtcdStore
{
    private const int ToleratedLags = 3;
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    public async IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        var place = new WatchPlace(fromRevision);
        var failures = 0;
        var mayRefresh = true;
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            var link = _session.Link();
            var (start, end) = Interval(prefix);
            await using var stream = new EtcdWatchStream(_session, link, new WatchCreateRequest
            {
                Key = start,
                RangeEnd = end,
                StartRevision = Math.Max(0, place.Position),
                PrevKv = true,
            }, _time, ct);
            RpcException? failure;
            while (true)
            {
                (var response, failure) = await stream.NextAsync();
                failure ??= response is { Created: true } ? place.Lag(response.Header) : null;
                if (failure is not null)
                {
                    break;
                }

                if (place.Accept(response!) is { } batch)
                {
                    failures = 0;
                    mayRefresh = true;
                    yield return batch;
                }
            }

            ct.ThrowIfCancellationRequested();
            if (mayRefresh && stream.Token is { } token && EtcdErrors.IsStaleToken(failure!))
            {
                mayRefresh = false;
                _session.ForgetToken(token);
                continue;
            }

            if (!EtcdErrors.IsSilence(failure!))
            {
                throw EtcdErrors.Map($"watch {prefix}", link.Endpoint, failure!);
            }

            _session.Leave(link, failure!);
            var delay = Delay(failures++);
            Log.Reconnecting(_logger, prefix, link.Endpoint, failure!.Status.Detail, place.Position, delay.TotalMilliseconds);
            await Task.Delay(delay, _time, ct);
        }
    }

    /// <summary>Doubling with full jitter in its upper half, so that a thousand nodes do not come back in step.</summary>
    private static TimeSpan Delay(int failures)
    {
        var longest = Math.Min(LongestDelay.TotalMilliseconds, FirstDelay.TotalMilliseconds * Math.Pow(2, Math.Min(failures, 16)));
        return TimeSpan.FromMilliseconds(longest * (0.5 + (Random.Shared.NextDouble() / 2)));
    }

    /// <summary>How far a watch has come, over all its streams.</summary>
    private sealed class WatchPlace(long fromRevision)
    {
        private readonly List<Event> _fragments = [];
        private ulong _cluster;
        private long _seen;
        private long _asked;
        private int _lags;

        /// <summary>Next revision to ask for; 0: what comes from now on.</summary>
        public long Position { get; private set; } = Math.Max(0, fromRevision);

        /// <summary>Why the member of a new stream is not to be used; null when it is where we are, or further.</summary>
        /// <exception cref="CompactedException">It stays behind: it is not the store we knew.</exception>
        public RpcException? Lag(ResponseHeader header)
        {
            // Another cluster is not behind but foreign; Begin says so.
            if (header.Revision >= _seen || header.ClusterId != _cluster)
            {
                _lags = 0;
                return null;
            }

            return ++_lags > ToleratedLags ? throw new CompactedException(header.Revision)
                : new RpcException(new Status(StatusCode.Unavailable,
                    $"the member is at revision {header.Revision}, we have seen {_seen}"));
        }

        /// <summary>What to hand out for a response, if anything.</summary>
        public WatchBatch? Accept(WatchResponse response)
        {
            if (response.Created)
            {
                return Begin(response.Header);
            }

            if (response.CompactRevision > 0)
            {
                throw new CompactedException(response.CompactRevision);
            }

            _fragments.AddRange(response.Events);
            if (response.Fragment)
            {
                return null;
            }

            return _fragments.Count > 0 ? Deliver() : Progress(response.Header.Revision);
        }

        private WatchBatch? Begin(ResponseHeader header)
        {
            _fragments.Clear();
            _asked = 0;
            if (_cluster != 0 && header.ClusterId != _cluster)
            {
                throw new CompactedException(header.Revision);
            }

            _cluster = header.ClusterId;
            if (Position > 0)
            {
                return null;
            }

            Position = header.Revision + 1;
            _seen = header.Revision;
            return new WatchBatch(header.Revision, []);
        }

        private WatchBatch Deliver()
        {
            var last = _fragments[^1].Kv.ModRevision;
            var batch = new WatchBatch(last, [.. _fragments.Select(ToEvent)]);
            _fragments.Clear();
            Position = last + 1;
            _seen = Math.Max(_seen, last);
            return batch;
        }

        private WatchBatch? Progress(long revision)
        {
            var complete = _asked;
            _asked = revision;
            if (complete == 0 || complete < _seen)
            {
                return null;
            }

            _seen = complete;
            return new WatchBatch(complete, []);
        }

        private static WatchEvent ToEvent(Event change) => new(
            change.Kv.Key.ToStringUtf8(),
            change.Type == Event.Types.EventType.Delete ? null : ToKeyValue(change.Kv),
            change.PrevKv is null ? null : ToKeyValue(change.PrevKv));
    }

    private static partial class Log
    {
        [LoggerMessage(2001, LogLevel.Warning,
            "Watch of {Prefix} at {Endpoint} broke ({Reason}); again from revision {Revision} in {DelayMilliseconds:F0} ms")]
        public static partial void Reconnecting(ILogger logger, string prefix, string endpoint, string reason, long revision,
            double delayMilliseconds);
    }
}
