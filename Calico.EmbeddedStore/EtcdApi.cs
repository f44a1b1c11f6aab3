using Calico.EmbeddedStore.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Calico.EmbeddedStore;

/// <summary>The etcd v3 API of an engine, for any ASP.NET host. <see cref="EtcdApiServer"/> is a small one.</summary>
public static class EtcdApi
{
    /// <summary>Adds what <see cref="MapEmbeddedStore"/> needs. The engine stays its owner's to dispose.</summary>
    public static IServiceCollection AddEmbeddedStore(this IServiceCollection services, EmbeddedEngine engine)
    {
        services.AddGrpc(options =>
        {
            options.MaxReceiveMessageSize = EtcdMessages.MaxRequestBytes;
            options.MaxSendMessageSize = null;
        });
        services.AddSingleton(new KvService(engine));
        services.AddSingleton(new WatchService(engine));
        services.AddSingleton(new LeaseService(engine));
        services.AddSingleton(new MaintenanceService(engine));
        return services;
    }

    /// <summary>KV, Watch, Lease and Maintenance.Status of etcd v3. Nobody is asked who he is: whoever reaches the socket may write.
    /// </summary>
    public static void MapEmbeddedStore(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGrpcService<KvService>();
        endpoints.MapGrpcService<WatchService>();
        endpoints.MapGrpcService<LeaseService>();
        endpoints.MapGrpcService<MaintenanceService>();
    }
}
