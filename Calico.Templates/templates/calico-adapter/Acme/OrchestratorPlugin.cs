using Calico;
using Microsoft.Extensions.DependencyInjection;

[assembly: CalicoContract(1, 0)]

namespace Acme;

/// <summary>What the host loads: the only public class that implements <see cref="IOrchestratorPlugin"/>.</summary>
public sealed class OrchestratorPlugin : IOrchestratorPlugin
{
    /// <summary>Prefix of the settings, name of the adapter's folder, meter and log.</summary>
    public string Name => "acme";

    /// <summary>Registers; nothing is done yet. The host binds the socket before it reaches kernel and store.</summary>
    public void Configure(IPluginBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var settings = builder.Settings<Settings>();
        builder.Listen(new(LineServer.ListenerName, settings.Socket, UnixFileMode.UserRead | UnixFileMode.UserWrite));
        builder.Services.AddSingleton(settings).AddSingleton<Calls>().AddHostedService<LineServer>();
    }
}
