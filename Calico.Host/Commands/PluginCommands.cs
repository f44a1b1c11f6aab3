using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Calico.Host.Plugins;

namespace Calico.Host.Commands;

/// <summary><c>calico-host plugin install|list|remove</c>.</summary>
/// <param name="root">Folder of installed adapters.</param>
/// <param name="output">Where lines go.</param>
internal sealed partial class PluginCommands(string root, TextWriter output)
{
    /// <summary>Lays an adapter down beside its older versions; a restart of the host loads it.</summary>
    /// <param name="source">A <c>.nupkg</c> with a <c>plugin/</c> folder, or a folder as <c>dotnet publish</c> makes it.</param>
    /// <param name="dryRun">Unpacked and checked beside, and nothing stays.</param>
    /// <exception cref="CalicoException"><see cref="Problem.NotFound"/>, <see cref="Problem.Invalid"/>, <see cref="Problem.Unsupported"/>.</exception>
    public void Install(string source, bool dryRun = false)
    {
        var staging = Path.Combine(root, $".staging-{Environment.ProcessId}");
        var isNewRoot = !Directory.Exists(root);
        try
        {
            Directory.CreateDirectory(root, AtomicFile.Folder);
            Delete(staging);
            Directory.CreateDirectory(staging, AtomicFile.Folder);
            var (name, version) = File.Exists(source) ? Unpack(source, staging) : Directory.Exists(source) ? Copy(source, staging)
                : throw new CalicoException(Problem.NotFound, $"there is no package or folder '{source}'", "source");
            if (!Name().IsMatch(name) || !Version().IsMatch(version))
            {
                throw new CalicoException(Problem.Invalid, $"'{source}' calls itself '{name}' {version}; both become folder names: letters, digits, '-', and '.' or '+' in a version", "source");
            }

            foreach (var file in Directory.EnumerateFiles(staging, "*", SearchOption.AllDirectories))
            {
                File.SetUnixFileMode(file, AtomicFile.Readable);
            }

            // Checked before it is where the host looks.
            PluginFolder.Open(name, staging);
            var target = Path.Combine(root, name, version);
            if (Directory.Exists(target))
            {
                throw new CalicoException(Problem.AlreadyExists, $"adapter '{name}' {version} is installed already: calico-host plugin remove {name} {version}", "source");
            }

            if (dryRun)
            {
                output.WriteLine($"would install adapter '{name}' {version} in {target}");
                return;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(target)!, AtomicFile.Folder);
            Directory.Move(staging, target);
            output.WriteLine($"installed adapter '{name}' {version} in {target}; it is loaded when the host starts again");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or XmlException)
        {
            throw new CalicoException(Problem.Refused, $"'{source}' cannot be installed: {e.Message}", "source", e);
        }
        finally
        {
            Delete(staging);
            if (dryRun && isNewRoot && Directory.Exists(root) && !Directory.EnumerateFileSystemEntries(root).Any())
            {
                Directory.Delete(root);
            }
        }
    }

    public void List()
    {
        var refused = new List<string>();
        var found = PluginFolder.Scan(root, (name, version, problem) => refused.Add($"{name,-16} {version ?? "-",-10} not usable: {problem}"));
        if (found.Count + refused.Count == 0)
        {
            output.WriteLine($"no adapter is installed in {root}: calico-host plugin install <package or folder>");
            return;
        }

        output.WriteLine($"{"NAME",-16} {"VERSION",-10} FOLDER");
        var seen = new HashSet<string>();
        foreach (var plugin in found)
        {
            output.WriteLine($"{plugin.Name,-16} {plugin.Version,-10} {plugin.Directory}{(seen.Add(plugin.Name) ? "" : "  (kept for going back)")}");
        }

        refused.ForEach(output.WriteLine);
    }

    /// <summary>Removes a version, or the adapter with all of them.</summary>
    public void Remove(string name, string? version, bool dryRun = false)
    {
        if (!Name().IsMatch(name) || (version is not null && !Version().IsMatch(version)))
        {
            throw new CalicoException(Problem.Invalid, $"'{name}'{(version is null ? "" : $" '{version}'")} is not an adapter's name and version", "name");
        }

        var folder = version is null ? Path.Combine(root, name) : Path.Combine(root, name, version);
        if (!Directory.Exists(folder))
        {
            throw new CalicoException(Problem.NotFound, $"adapter '{name}'{(version is null ? "" : " " + version)} is not installed in {root}", "name");
        }

        if (dryRun)
        {
            output.WriteLine($"would remove {folder}");
            return;
        }

        Directory.Delete(folder, recursive: true);
        output.WriteLine($"removed {folder}; a running host keeps what it has loaded until it is started again");
    }

    private static (string Name, string Version) Unpack(string package, string staging)
    {
        using var archive = ZipFile.OpenRead(package);
        var nuspec = archive.Entries.FirstOrDefault(e => e.FullName.EndsWith(".nuspec", StringComparison.Ordinal) && !e.FullName.Contains('/', StringComparison.Ordinal))
            ?? throw new CalicoException(Problem.Invalid, $"{package} is no NuGet package: it has no .nuspec", "source");
        XDocument document;
        using (var stream = nuspec.Open())
        {
            document = XDocument.Load(stream);
        }

        string Field(string name) => document.Descendants().FirstOrDefault(e => e.Name.LocalName == name)?.Value
            ?? throw new CalicoException(Problem.Invalid, $"{package}: the .nuspec has no <{name}>", "source");
        var files = archive.Entries.Where(e => e.FullName.StartsWith("plugin/", StringComparison.Ordinal) && !e.FullName.EndsWith('/')).ToList();
        if (files.Count == 0)
        {
            throw new CalicoException(Problem.Invalid, $"{package} has no plugin/ folder: an adapter's package holds its published files there", "source");
        }

        foreach (var entry in files)
        {
            var path = Path.GetFullPath(Path.Combine(staging, entry.FullName["plugin/".Length..]));
            if (!path.StartsWith(staging + "/", StringComparison.Ordinal))
            {
                throw new CalicoException(Problem.Invalid, $"{package}: the entry '{entry.FullName}' points outside the package", "source");
            }

            Directory.CreateDirectory(Path.GetDirectoryName(path)!, AtomicFile.Folder);
            entry.ExtractToFile(path, overwrite: false);
        }

        return (NameOf(Field("id")), Field("version"));
    }

    private static (string Name, string Version) Copy(string folder, string staging)
    {
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            var path = Path.Combine(staging, Path.GetRelativePath(folder, file));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!, AtomicFile.Folder);
            File.Copy(file, path);
        }

        var main = Directory.GetFiles(staging, "*.deps.json") is [var only] ? only
            : throw new CalicoException(Problem.Invalid, $"{folder} has not exactly one .deps.json: give the folder that dotnet publish made", "source");
        var assembly = main[..^".deps.json".Length] + ".dll";
        var version = System.Diagnostics.FileVersionInfo.GetVersionInfo(assembly).ProductVersion?.Split('+')[0] ?? "0.0.0";
        return (NameOf(Path.GetFileNameWithoutExtension(assembly)), version);
    }

    // Calico.Plugins.Cni, Plugins.Cni → cni; HelloOrchestrator → hello by its own folder name is the adapter's Name.
    private static string NameOf(string id)
    {
        var name = id.Split('.')[^1].ToLowerInvariant();
        return name.EndsWith("orchestrator", StringComparison.Ordinal) && name.Length > "orchestrator".Length ? name[..^"orchestrator".Length] : name;
    }

    private static void Delete(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]*\z")]
    private static partial Regex Name();

    [GeneratedRegex(@"\A[0-9A-Za-z][0-9A-Za-z+-]*(\.[0-9A-Za-z+-]+)*\z")]
    private static partial Regex Version();
}
