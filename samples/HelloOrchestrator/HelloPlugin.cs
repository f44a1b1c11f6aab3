using Calico;
using Microsoft.Extensions.DependencyInjection;

[assembly: CalicoContract(1, 0)]

namespace HelloOrchestrator;

/// <summary>The smallest adapter: an orchestrator whose whole protocol is "up ID NETNS", "down ID" and "ls" on a unix socket.</summary>
public sealed class HelloPlugin : IOrchestratorPlugin
{
    public string Name => "hello";

    public void Configure(IPluginBuilder builder)
    {
        builder.Listen(new(HelloServer.Listener, "/run/calico/hello.sock", UnixFileMode.UserRead | UnixFileMode.UserWrite));
        builder.Services.AddSingleton<HelloCalls>()
            // The host asks what runs, and ends what is forgotten.
            .AddSingleton<ILiveWorkloads>(services => services.GetRequiredService<HelloCalls>())
            .AddHostedService<HelloServer>();
    }
}
