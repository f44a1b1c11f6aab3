using Calico.EmbeddedStore.Api.Wire;
using Calico.EmbeddedStore.Engine;
using Grpc.Core;

namespace Calico.EmbeddedStore.Api;

internal sealed class KvService(EmbeddedEngine engine) : KV.KVBase
{
    public override async Task<RangeResponse> Range(RangeRequest request, ServerCallContext context)
    {
        var (outcome, header) = await CommitAsync(() => EtcdMessages.ToRange(request), context);
        return EtcdMessages.ToResponse(request, outcome.Results[0], header);
    }

    public override async Task<PutResponse> Put(PutRequest request, ServerCallContext context)
    {
        var (outcome, header) = await CommitAsync(() => EtcdMessages.ToPut(request), context);
        return EtcdMessages.ToResponse(request, outcome.Results[0], header);
    }

    public override async Task<DeleteRangeResponse> DeleteRange(DeleteRangeRequest request, ServerCallContext context)
    {
        var (outcome, header) = await CommitAsync(() => EtcdMessages.ToDelete(request), context);
        return EtcdMessages.ToResponse(request, outcome.Results[0], header);
    }

    public override Task<TxnResponse> Txn(TxnRequest request, ServerCallContext context) => EtcdMessages.AnswerAsync(async () =>
    {
        var outcome = await engine.CommitAsync(EtcdMessages.ToTransaction(request), context.CancellationToken);
        var header = EtcdMessages.Header(engine, outcome.Revision);
        var response = new TxnResponse { Header = header, Succeeded = outcome.Succeeded };
        response.Responses.AddRange((outcome.Succeeded ? request.Success : request.Failure)
            .Zip(outcome.Results, (operation, result) => EtcdMessages.ToResponse(operation, result, header)));
        return response;
    });

    public override Task<CompactionResponse> Compact(CompactionRequest request,
        ServerCallContext context) => EtcdMessages.AnswerAsync(async () =>
    {
        await engine.CompactAsync(request.Revision, context.CancellationToken);
        return new CompactionResponse { Header = EtcdMessages.Header(engine, engine.State.Revision) };
    });

    private Task<(EngineOutcome Outcome, ResponseHeader Header)> CommitAsync(Func<EngineOperation> operation, ServerCallContext context) =>
        EtcdMessages.AnswerAsync(async () =>
        {
            var outcome = await engine.CommitAsync(new EngineTransaction(operation()), context.CancellationToken);
            return (outcome, EtcdMessages.Header(engine, outcome.Revision));
        });
}
