using System.Net.Sockets;
using Calico.Host.Node;
using Calico.Host.Settings;

namespace Calico.Host.Commands;

/// <summary><c>calico-host uninstall</c>: takes away what this program laid down and made in the kernel, and nothing else.</summary>
/// <param name="settings">Where things are.</param>
/// <param name="kernel">What of it is in the kernel.</param>
/// <param name="cni">Networks and plugins.</param>
internal sealed class HostUninstall(HostSettings settings, IKernelLeftovers kernel, CniNetworks cni)
{
    private static readonly string[] Sockets = ["host.sock", "store.sock", "cni.sock"];

    // Of the data directory: what the host makes there. A person's files stay.
    private static readonly string[] DataFiles = ["calico.db*", "nodename", $"{PolicySnapshot.FileName}*"];
    private static readonly string[] DataFolders = ["loading", "loaded", "spool"];

    /// <summary>Does it and says what it did, a line each.</summary>
    /// <param name="force">Although workloads are connected (they lose their network), and edited files too.</param>
    /// <param name="purge">The data too: addresses, endpoints and, with the embedded store, all resources.</param>
    /// <param name="dryRun">Says it only.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Refused"/>: a host runs, or workloads are connected.</exception>
    public IReadOnlyList<string> Run(bool force, bool purge, bool dryRun)
    {
        if (IsServed(settings.Sockets.Control))
        {
            throw new CalicoException(Problem.Refused, "calico-host runs: stop it first (systemctl disable --now calico-host)");
        }

        // Without the table they would be open to everybody.
        var connected = kernel.Interfaces(settings.InterfacePrefix);
        if (connected.Count > 0 && !force)
        {
            throw new CalicoException(Problem.Refused,
                $"{connected.Count} workloads are "
                    + $"connected ({string.Join(", ", connected.Take(5))}{(connected.Count > 5 ? ", ..." : "")}): remove their containers "
                    + "first, or --force, which takes their network away");
        }

        // The kernel first: the files are this program's own, and what of it is not loaded by then never is.
        var said = new List<string>(kernel.Remove(settings.InterfacePrefix, settings.RouteProtocol, dryRun));
        foreach (var socket in Sockets.Select(s => Path.Combine(settings.Sockets.RunDirectory, s)).Where(File.Exists)
            .Where(s => !IsServed(s)))
        {
            Delete(socket, said, dryRun, File.Delete);
        }

        RemoveIfEmpty(settings.Sockets.RunDirectory, said, dryRun);
        if (purge)
        {
            RemoveData(said, dryRun);
        }
        else
        {
            said.Add($"left the data in {settings.DataDirectory}; --purge removes it");
        }

        said.AddRange(cni.Uninstall(null, force, dryRun));
        said.AddRange(cni.Ledger.Remove(cni.Ledger.Paths, force, dryRun));
        RemoveIfEmpty(settings.DataDirectory, said, dryRun);
        return said;
    }

    private void RemoveData(List<string> said, bool dryRun)
    {
        foreach (var file in DataFiles.SelectMany(f => Directory.Exists(settings.DataDirectory)
            ? Directory.GetFiles(settings.DataDirectory, f) : []))
        {
            Delete(file, said, dryRun, File.Delete);
        }

        foreach (var folder in DataFolders.Select(f => Path.Combine(settings.DataDirectory, f)).Where(Directory.Exists))
        {
            Delete(folder, said, dryRun, f => Directory.Delete(f, recursive: true));
        }
    }

    private static void Delete(string path, List<string> said, bool dryRun, Action<string> delete)
    {
        said.Add($"{(dryRun ? "would remove" : "removed")} {path}");
        if (!dryRun)
        {
            delete(path);
        }
    }

    private static void RemoveIfEmpty(string folder, List<string> said, bool dryRun)
    {
        if (dryRun || !Directory.Exists(folder) || Directory.EnumerateFileSystemEntries(folder).Any())
        {
            return;
        }

        try
        {
            Directory.Delete(folder);
            said.Add($"removed {folder}");
        }
        catch (IOException e)
        {
            // A mount point, for instance: empty, and not ours to unmount.
            said.Add($"left {folder}: {e.Message}");
        }
    }

    private static bool IsServed(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        try
        {
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
