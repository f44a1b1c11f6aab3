using System.Threading.Channels;
using Calico.EmbeddedStore.Api.Wire;
using Grpc.Core;

namespace Calico.EmbeddedStore.Api;

internal sealed class WatchService(EmbeddedEngine engine) : Watch.WatchBase
{
    // A client that asks faster than it reads the answers is held back by its own stream.
    private const int MaxWaiting = 16;

    public override async Task Watch(IAsyncStreamReader<WatchRequest> requestStream, IServerStreamWriter<WatchResponse> responseStream,
        ServerCallContext context)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var requests = Channel.CreateBounded<WatchRequest>(
            new BoundedChannelOptions(MaxWaiting) { SingleReader = true, SingleWriter = true });
        var session = new WatchSession(engine, responseStream, requests.Reader);
        var reading = ReadAsync(requestStream, requests.Writer, stop.Token);
        try
        {
            await session.RunAsync(stop.Token);
        }
        catch (CalicoException error)
        {
            throw EtcdMessages.ToRpc(error);
        }
        finally
        {
            await stop.CancelAsync();
            await reading;
        }
    }

    private static async Task ReadAsync(IAsyncStreamReader<WatchRequest> from, ChannelWriter<WatchRequest> to, CancellationToken ct)
    {
        try
        {
            while (await from.MoveNext(ct))
            {
                await to.WriteAsync(from.Current, ct);
            }
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or RpcException)
        {
            // The client went away: the stream is over, however it ended.
        }
        finally
        {
            to.TryComplete();
        }
    }
}
