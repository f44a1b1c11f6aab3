using System.Text;
using Calico.EmbeddedStore;
using Calico.Host.Commands;
using Calico.Host.Node;
using Calico.Host.Settings;
using Calico.Host.Workloads;
using Calico.Ipam;
using Microsoft.Extensions.Logging;

namespace Calico.Host.Stages;

/// <summary>The host's folders, this node's name, and the engine on its disk with the node log.</summary>
internal sealed class NodeLogStage(HostSettings settings, MachineIdentity machine, HostBasis basis) : IHostStage
{
    private EmbeddedEngine? _engine;

    public string Name => "node log";

    public string Doing => "the node log is being read";

    public MachineIdentity Machine => machine;

    /// <summary>After the start.</summary>
    public string NodeName { get; private set; } = "";

    /// <summary>After the start.</summary>
    public EmbeddedEngine Engine => _engine ?? throw new InvalidOperationException("the node log is not open");

    public async Task StartAsync(CancellationToken ct)
    {
        MakeDirectory(settings.DataDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, "CALICO_DATA_DIR");
        // Not left to whoever binds the first socket there: that may be nobody, or an adapter that is not installed.
        MakeDirectory(settings.Sockets.RunDirectory, AtomicFile.Folder, "CALICO_RUN_DIR");
        var nodeFile = Path.Combine(settings.DataDirectory, "nodename");
        NodeName = Node.NodeName.Determine(settings.NodeName, nodeFile, () => System.Net.Dns.GetHostName());
        _engine = await EmbeddedEngine.OpenAsync(new()
        {
            Path = Path.Combine(settings.DataDirectory, "calico.db"),
            MachineId = machine.MachineId,
            NodeName = NodeName,
            Adopt = settings.AdoptStore,
            BoundToName = [EndpointRecord.Section, .. NodeIpam.BoundToName],
            HowToAdopt = "start once with CALICO_ADOPT_STORE=true",
            Written = basis.Timings.CountWrite,
        }, basis.Time, basis.Loggers.CreateLogger<EmbeddedEngine>(), ct);
        if (!File.Exists(nodeFile) || await File.ReadAllTextAsync(nodeFile, ct) != NodeName)
        {
            AtomicFile.Write(nodeFile, Encoding.UTF8.GetBytes(NodeName), AtomicFile.Readable);
        }
    }

    public async Task StopAsync(CancellationToken ct)
    {
        if (_engine is not null)
        {
            await _engine.DisposeAsync();
        }
    }

    private static void MakeDirectory(string path, UnixFileMode mode, string setting)
    {
        try
        {
            Directory.CreateDirectory(path, mode);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Refused, $"{path} cannot be made: {e.Message}", setting, e);
        }
    }
}
