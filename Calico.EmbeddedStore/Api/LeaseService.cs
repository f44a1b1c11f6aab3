using Calico.EmbeddedStore.Api.Wire;
using Calico.EmbeddedStore.Engine;
using Google.Protobuf;
using Grpc.Core;

namespace Calico.EmbeddedStore.Api;

internal sealed class LeaseService(EmbeddedEngine engine) : Lease.LeaseBase
{
    public override Task<LeaseGrantResponse> LeaseGrant(LeaseGrantRequest request,
        ServerCallContext context) => EtcdMessages.AnswerAsync(async () =>
    {
        var (id, revision) = await engine.GrantLeaseAsync(request.ID, request.TTL, context.CancellationToken);
        return new LeaseGrantResponse { Header = EtcdMessages.Header(engine, revision), ID = id, TTL = request.TTL };
    });

    public override Task<LeaseRevokeResponse> LeaseRevoke(LeaseRevokeRequest request,
        ServerCallContext context) => EtcdMessages.AnswerAsync(async () =>
        await engine.RevokeLeaseAsync(request.ID, context.CancellationToken)
            ? new LeaseRevokeResponse { Header = EtcdMessages.Header(engine, engine.State.Revision) }
            : throw new RpcException(new Status(StatusCode.NotFound, "etcdserver: requested lease not found")));

    public override async Task LeaseKeepAlive(IAsyncStreamReader<LeaseKeepAliveRequest> requestStream,
        IServerStreamWriter<LeaseKeepAliveResponse> responseStream, ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var id = requestStream.Current.ID;
            await responseStream.WriteAsync(new LeaseKeepAliveResponse
            {
                Header = EtcdMessages.Header(engine, engine.State.Revision),
                ID = id,
                TTL = engine.Clock.KeepAlive(id),
            }, context.CancellationToken);
        }
    }

    public override Task<LeaseTimeToLiveResponse> LeaseTimeToLive(LeaseTimeToLiveRequest request, ServerCallContext context)
    {
        var state = engine.State;
        var response = new LeaseTimeToLiveResponse { Header = EtcdMessages.Header(engine, state.Revision), ID = request.ID, TTL = -1 };
        if (state.Leases.TryGetValue(request.ID, out var seconds) && engine.Clock.Remaining(request.ID) is { } left)
        {
            response.TTL = (long)left.TotalSeconds;
            response.GrantedTTL = seconds;
            if (request.Keys)
            {
                response.Keys.AddRange(state.Range(KeyInterval.All, state.Revision).Where(v => v.Lease == request.ID)
                    .Select(v => UnsafeByteOperations.UnsafeWrap(v.Key)));
            }
        }

        return Task.FromResult(response);
    }

    public override Task<LeaseLeasesResponse> LeaseLeases(LeaseLeasesRequest request, ServerCallContext context)
    {
        var state = engine.State;
        var response = new LeaseLeasesResponse { Header = EtcdMessages.Header(engine, state.Revision) };
        response.Leases.AddRange(state.Leases.Keys.Order().Select(id => new LeaseStatus { ID = id }));
        return Task.FromResult(response);
    }
}
