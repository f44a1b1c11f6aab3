using System.Text.Json;

namespace Calico.Host.Commands;

/// <summary><c>calico-host cni list|uninstall</c>: the networks of this machine whose first plugin is ours.</summary>
internal sealed record CniNetworks(string BinDirectory, string ConfDirectory, InstallLedger Ledger)
{
    /// <summary>One line for each, with whose it is.</summary>
    public IReadOnlyList<string> List()
    {
        var found = Find();
        return found.Count == 0 ? [$"no network of calico is in {ConfDirectory}: calico-host cni install --network NAME"]
            : [$"{"NETWORK",-20} {"FILE",-44} STATE", .. found.Select(n => $"{n.Name,-20} {n.Path,-44} {Describe(n.Path)}")];
    }

    /// <summary>Takes networks away, and the plugin binaries with the last of them.</summary>
    /// <param name="network">Null: all that were installed by this program.</param>
    /// <param name="force">Edited ones too.</param>
    /// <param name="dryRun">Says it only.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>: there is no such network of ours.</exception>
    public IReadOnlyList<string> Uninstall(string? network, bool force, bool dryRun)
    {
        var here = Find();
        var ours = Ledger.Paths.Where(p => p.EndsWith(".conflist", StringComparison.Ordinal) && Path.GetDirectoryName(p) == ConfDirectory)
            .ToList();
        if (network is not null)
        {
            var path = CniInstall.PathOf(ConfDirectory, network);
            ours = ours.Contains(path) ? [path]
                : throw new CalicoException(Problem.NotFound,
                    $"calico-host installed no network '{network}' in {ConfDirectory}; calico-host cni list shows what is there",
                    "NETWORK");
        }

        var going = ours.Where(p => force || Ledger.StateOf(p) != InstalledState.Edited).ToList();
        var said = new List<string>(Ledger.Remove(ours, force, dryRun));
        if (here.Any(n => !going.Contains(n.Path)))
        {
            said.Add($"left the plugins in {BinDirectory}: other networks use them");
            return said;
        }

        said.AddRange(Ledger.Remove([.. CniInstall.Roles.Select(r => Path.Combine(BinDirectory, r))], force, dryRun));
        return said;
    }

    private string Describe(string path) => Ledger.StateOf(path) switch
    {
        InstalledState.Ours => "installed by calico-host",
        InstalledState.Edited => "installed by calico-host, edited since",
        _ => "made by others",
    };

    private List<(string Name, string Path)> Find() => !Directory.Exists(ConfDirectory) ? []
        : [.. Directory.GetFiles(ConfDirectory, "*.conflist").Order(StringComparer.Ordinal).Select(p => (Name: NameOf(p), Path: p))
            .Where(n => n.Name is not null).Select(n => (n.Name!, n.Path))];

    /// <returns>Null: not ours, or nothing that can be read.</returns>
    private static string? NameOf(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            return root.GetProperty("plugins").EnumerateArray()
                .Any(p => p.GetProperty("type").GetString() == CniInstall.Roles[0]) ? root.GetProperty("name").GetString() : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IOException
            or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
