using Etcdserverpb;
using Grpc.Core;

namespace Calico.Datastore.Etcd;

/// <summary>One watch stream to one endpoint, until it breaks. Asks regularly how far the store is.</summary>
internal sealed class EtcdWatchStream : IAsyncDisposable
{
    private static readonly TimeSpan FirstProgress = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromSeconds(5);

    private readonly EtcdSession _session;
    private readonly EtcdLink _link;
    private readonly WatchCreateRequest _create;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop;
    private AsyncDuplexStreamingCall<WatchRequest, WatchResponse>? _call;
    private Task _asking = Task.CompletedTask;

    public EtcdWatchStream(EtcdSession session, EtcdLink link, WatchCreateRequest create, TimeProvider time, CancellationToken ct)
    {
        (_session, _link, _create, _time) = (session, link, create, time);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
    }

    public string? Token { get; private set; }

    /// <summary>The next response, or why there is none any more.</summary>
    public async Task<(WatchResponse? Response, RpcException? Failure)> NextAsync()
    {
        try
        {
            if (_call is null)
            {
                await OpenAsync();
            }

            if (!await _call!.ResponseStream.MoveNext(_stop.Token))
            {
                return (null, new RpcException(new Status(StatusCode.Unavailable, "the server ended the stream")));
            }

            var response = _call.ResponseStream.Current;
            return response is { Canceled: true, CompactRevision: 0 } ? (null, Refusal(response.CancelReason)) : (response, null);
        }
        catch (RpcException error)
        {
            return (null, error);
        }
        catch (IOException error)
        {
            // A server that goes away while something is written to it: that is no status of a call (HttpProtocolException).
            return (null, new RpcException(new Status(StatusCode.Unavailable, error.Message, error)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _asking;
        _call?.Dispose();
        _stop.Dispose();
    }

    private async Task OpenAsync()
    {
        Token = await _session.TokenAsync(_link, _stop.Token);
        _call = new Watch.WatchClient(_link.Invoker).Watch(EtcdSession.Options(Token, _stop.Token));
        await _call.RequestStream.WriteAsync(new WatchRequest { CreateRequest = _create }, _stop.Token);
        _asking = AskForProgressAsync(_call.RequestStream);
    }

    private async Task AskForProgressAsync(IClientStreamWriter<WatchRequest> requests)
    {
        try
        {
            await Task.Delay(FirstProgress, _time, _stop.Token);
            while (true)
            {
                await requests.WriteAsync(new WatchRequest { ProgressRequest = new WatchProgressRequest() }, _stop.Token);
                await Task.Delay(ProgressEvery, _time, _stop.Token);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or RpcException or InvalidOperationException or IOException)
        {
            // The stream is over; whoever reads it learns why.
        }
    }

    // etcd refuses a watch inside the stream: with a text only.
    private static RpcException Refusal(string reason) => new(new Status(
        reason.Contains("permission denied", StringComparison.Ordinal) ? StatusCode.PermissionDenied
        : reason.Contains("auth token", StringComparison.Ordinal) ? StatusCode.Unauthenticated
        : StatusCode.Unavailable,
        reason.Length > 0 ? reason : "the server cancelled the watch"));
}
