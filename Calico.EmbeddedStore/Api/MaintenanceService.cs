using Calico.EmbeddedStore.Api.Wire;
using Grpc.Core;

namespace Calico.EmbeddedStore.Api;

internal sealed class MaintenanceService(EmbeddedEngine engine) : Maintenance.MaintenanceBase
{
    // The etcd whose behaviour we follow; clients of etcd switch features on by it.
    private const string EtcdVersion = "3.4.23";

    public override Task<StatusResponse> Status(StatusRequest request, ServerCallContext context)
    {
        var state = engine.State;
        var size = new FileInfo(engine.Path).Length;
        return Task.FromResult(new StatusResponse
        {
            Header = EtcdMessages.Header(engine, state.Revision),
            Version = EtcdVersion,
            DbSize = size,
            DbSizeInUse = size,
            Leader = engine.StoreId,
            RaftIndex = (ulong)state.Revision,
            RaftAppliedIndex = (ulong)state.Revision,
            RaftTerm = 1,
        });
    }
}
