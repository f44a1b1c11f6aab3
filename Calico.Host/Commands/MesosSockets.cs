using Calico.Datastore.Settings;

namespace Calico.Host.Commands;

/// <summary>Those of the Mesos adapter's settings (<c>CALICO_MESOS_*</c>) that an agent is told.</summary>
/// <param name="Socket">Where the isolator answers over gRPC.</param>
/// <param name="NetModulesSocket">Where the command <c>calico_mesos</c> calls.</param>
internal sealed record MesosSockets(string Socket, string NetModulesSocket)
{
    private const string Adapter = "mesos";

    public static MesosSockets Default { get; } = new("/run/calico/mesos.sock", "/run/calico/net-modules.sock");

    /// <summary>As the adapter itself will read them.</summary>
    public static MesosSockets Read(SettingsReader settings) => new(
        TextOf(settings, nameof(Socket)) ?? Default.Socket,
        TextOf(settings, nameof(NetModulesSocket)) ?? Default.NetModulesSocket);

    private static string? TextOf(SettingsReader settings, string property) =>
        settings.TextOf(SettingsReader.OfPlugin(Adapter, typeof(MesosSockets).GetProperty(property)!));
}
