using System.Net.Sockets;
using Calico.Datastore.Etcd;
using Calico.Datastore.Store;

namespace Calico.Cli.Connection;

/// <summary>A store that answers in time or is said not to, in words that tell what was tried and what to do.</summary>
internal sealed class BoundedStore(IKeyValueStore store, StoreSettings settings, TimeProvider time) : IKeyValueStore
{
    /// <summary>What a person at a terminal is kept waiting for an answer.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public Task<KeyValue?> GetAsync(string key, long revision, CancellationToken ct) =>
        AskAsync(limit => store.GetAsync(key, revision, limit), false, ct);

    public Task<KeyRange> ListAsync(string prefix, long revision, CancellationToken ct) =>
        AskAsync(limit => store.ListAsync(prefix, revision, limit), false, ct);

    public Task<StoreOutcome> CommitAsync(StoreTransaction transaction, CancellationToken ct) =>
        AskAsync(limit => store.CommitAsync(transaction, limit), true, ct);

    public IAsyncEnumerable<WatchBatch> WatchAsync(string prefix, long fromRevision, CancellationToken ct) =>
        store.WatchAsync(prefix, fromRevision, ct);

    public Task<long> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken ct) =>
        AskAsync(limit => store.GrantLeaseAsync(timeToLive, limit), true, ct);

    public Task<bool> KeepAliveAsync(long lease, CancellationToken ct) => AskAsync(limit => store.KeepAliveAsync(lease, limit), true, ct);

    public Task RevokeLeaseAsync(long lease, CancellationToken ct) => AskAsync(async limit =>
    {
        await store.RevokeLeaseAsync(lease, limit);
        return true;
    }, true, ct);

    public ValueTask DisposeAsync() => store.DisposeAsync();

    private async Task<T> AskAsync<T>(Func<CancellationToken, Task<T>> ask, bool isWrite, CancellationToken ct)
    {
        using var timeUp = new CancellationTokenSource(Patience, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(timeUp.Token, ct);
        try
        {
            // A name that does not resolve is waited for in a call that hears no token.
            return await ask(limit.Token).WaitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (timeUp.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw Away($"no answer within {Patience.TotalSeconds:0} s", isWrite, null);
        }
        catch (CalicoException e) when (e.Problem == Problem.Unavailable && !StoreRefusedException.Is(e))
        {
            throw Away(Reason(e), isWrite, e);
        }
    }

    private CalicoException Away(string reason, bool isWrite, Exception? inner)
    {
        var unsure = isWrite && !NeverLeft(inner)
            ? "\nwhether the change was made is not known: look with calicoctl get before doing it again" : "";
        if (!settings.Embedded)
        {
            return new(Problem.Unavailable,
                $"no datastore: etcd at {string.Join(", ", settings.Etcd.Endpoints)}: {reason}; is it running, and are "
                + $"{settings.Origin} right?{unsure}", inner: inner);
        }

        var socket = settings.Etcd.Endpoints[0]["unix://".Length..];
        return new(Problem.Unavailable, (File.Exists(socket)
            ? $"no datastore: calico-host does not answer on {socket} ({reason}); see calicoctl status"
            : $"no datastore: calico-host is not running ({socket}: no such socket); start it, or set ETCD_ENDPOINTS for etcd") + unsure,
            inner: inner);
    }

    // What the connection said; the layers between have added their own names to it.
    private static string Reason(CalicoException error) => Root(error) switch
    {
        SocketException socket => ConnectionFailure.Describe(socket),
        var root => root.Message,
    };

    private static bool NeverLeft(Exception? error) => error is not null && Root(error) is SocketException
    {
        SocketErrorCode: SocketError.ConnectionRefused or SocketError.AddressNotAvailable or SocketError.HostNotFound
            or SocketError.TryAgain
            or SocketError.NoData or SocketError.NetworkUnreachable or SocketError.HostUnreachable,
    };

    private static Exception Root(Exception error) => error.InnerException is { } deeper ? Root(deeper) : error;
}
