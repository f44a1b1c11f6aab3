using System.ComponentModel;
using Calico.Linux;

namespace Calico.Host.Plugins;

/// <summary>An installed adapter: <c>&lt;plugins&gt;/&lt;name&gt;/&lt;version&gt;/&lt;assembly&gt;.dll</c> beside its
/// <c>.deps.json</c>. Older versions are kept for going back.</summary>
/// <remarks>Adapters are trusted code in a root process: whoever can write their files, or a folder on the way to them, is root. So each is
/// read only by <see cref="TrustedPath"/>, and loaded from a copy of what was read.</remarks>
/// <param name="Name">Folder name: the adapter's.</param>
/// <param name="Version">Folder name.</param>
/// <param name="Assembly">Full path of the main assembly.</param>
internal sealed record PluginFolder(string Name, string Version, string Assembly)
{
    private const string DependenciesSuffix = ".deps.json";

    // A link to a folder above has no end; an adapter's own folders are three deep (runtimes/linux-x64/native).
    private const int MaxDepth = 8;

    private const int Looks = 3;

    /// <summary>The contract this host has.</summary>
    public static readonly (int Major, int Minor) Contract = (1, 0);

    public string Directory => Path.GetDirectoryName(Assembly)!;

    /// <summary>The contract that it was built against.</summary>
    public (int Major, int Minor) BuiltAgainst { get; init; }

    /// <summary>As people write it.</summary>
    public string ContractText => $"{BuiltAgainst.Major}.{BuiltAgainst.Minor}";

    /// <summary>Finds the usable versions of all adapters, by name, the newest first. What is wrong with one goes to
    /// <paramref name="problems"/> (name, version or null, reason) and stops neither the other versions nor the other adapters.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: others than root may change the folder itself.</exception>
    public static List<PluginFolder> Scan(string root, Action<string, string?, string> problems)
    {
        var found = new List<PluginFolder>();
        if (!System.IO.Directory.Exists(root))
        {
            return found;
        }

        foreach (var name in Edge(root, () => TrustedPath.List(root)).Where(n => !n.StartsWith('.')))
        {
            Scan(name, Path.Combine(root, name), found, problems);
        }

        return found;
    }

    private static void Scan(string name, string folder, List<PluginFolder> found, Action<string, string?, string> problems)
    {
        try
        {
            // One that is removed, or put in another's place, while it is read looks empty: what stands there then counts.
            var versions = new List<string>();
            for (var looks = 0; versions.Count == 0 && looks < Looks; looks++)
            {
                if (!Edge(name, () => TrustedPath.IsFolder(folder)))
                {
                    return;
                }

                versions = [.. Edge(name, () => TrustedPath.List(folder)).Where(v => !v.StartsWith('.'))
                    .OrderByDescending(v => v, VersionOrder.Instance)];
            }

            if (versions.Count == 0)
            {
                problems(name, null, $"{folder} has no version folder");
            }

            foreach (var version in versions)
            {
                try
                {
                    found.Add(Open(name, Path.Combine(folder, version)));
                }
                catch (CalicoException e)
                {
                    problems(name, version, e.Message);
                }
            }
        }
        catch (CalicoException e)
        {
            problems(name, null, e.Message);
        }
    }

    /// <summary>Checks one version folder.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> no single main assembly, or something others may change;
    /// <see cref="Problem.Unsupported"/> built against a newer contract.</exception>
    public static PluginFolder Open(string name, string folder) => Edge(name, () =>
    {
        var files = Files(folder, "", 0).ToHashSet();
        var mains = files.Where(f => f.EndsWith(DependenciesSuffix, StringComparison.Ordinal) && !f.Contains('/', StringComparison.Ordinal))
            .Select(f => f[..^DependenciesSuffix.Length] + ".dll").Where(files.Contains).ToArray();
        if (mains.Length != 1)
        {
            throw new CalicoException(Problem.Invalid,
                $"{folder} has {mains.Length} assemblies with a .deps.json; an adapter's folder has one", "plugin");
        }

        foreach (var file in files)
        {
            TrustedPath.OpenFile(Path.Combine(folder, file)).Dispose();
        }

        var plugin = new PluginFolder(name, Path.GetFileName(folder), Path.Combine(folder, mains[0]));
        var dependencies = Path.ChangeExtension(plugin.Assembly, DependenciesSuffix);
        using (var json = new FileStream(TrustedPath.OpenFile(dependencies), FileAccess.Read))
        {
            PluginDependencies.Check(json, dependencies);
        }

        using var image = TrustedPath.OpenFile(plugin.Assembly);
        var contract = PluginContract.Read(image, plugin.Assembly)
            ?? throw new CalicoException(Problem.Invalid, $"{plugin.Assembly} is no adapter: it has no CalicoContract attribute", "plugin");
        if (contract.Major != Contract.Major || contract.Minor > Contract.Minor)
        {
            throw new CalicoException(Problem.Unsupported,
                $"adapter '{name}' {plugin.Version} was built against contract {contract.Major}.{contract.Minor}; this host "
                    + $"has {Contract.Major}.{Contract.Minor}: upgrade the host or install an older adapter", "plugin");
        }

        return plugin with { BuiltAgainst = contract };
    });

    /// <summary>Copies it to a folder of the host's own, each file as it was opened and checked: what is exchanged afterwards, dependencies
    /// and native libraries that are loaded late included, is not what runs. A copy that is there already and the same is kept: a start on
    /// a full disk has its adapters.</summary>
    /// <returns>The copy, checked again: it is what counts.</returns>
    /// <exception cref="CalicoException">As <see cref="Open"/>.</exception>
    public PluginFolder CopyTo(string folder) => Edge(Name, () =>
    {
        if (System.IO.Directory.Exists(folder))
        {
            if (HasSameFiles(Directory, folder))
            {
                return Open(Name, folder);
            }

            System.IO.Directory.Delete(folder, recursive: true);
        }

        System.IO.Directory.CreateDirectory(folder, Private);
        foreach (var file in Files(Directory, "", 0))
        {
            var to = Path.Combine(folder, file);
            System.IO.Directory.CreateDirectory(Path.GetDirectoryName(to)!, Private);
            using var from = new FileStream(TrustedPath.OpenFile(Path.Combine(Directory, file)), FileAccess.Read);
            using var copy = new FileStream(to,
                new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Private });
            from.CopyTo(copy);
        }

        return Open(Name, folder);
    });

    /// <summary>Whether two folders of root's have the same files with the same bytes.</summary>
    /// <param name="one">A folder.</param>
    /// <param name="other">Another.</param>
    /// <param name="except">A file that does not count.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: something that others may change, or that cannot be read.
    /// </exception>
    public static bool HasSameFiles(string one, string other, string except = "") => Edge(other, () =>
    {
        var files = Files(one, "", 0).Where(f => f != except).ToHashSet();
        return files.SetEquals(Files(other, "", 0).Where(f => f != except))
            && files.All(f => FileBytes.AreSame(Path.Combine(one, f), Path.Combine(other, f)));
    });

    private static UnixFileMode Private => UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static IEnumerable<string> Files(string root, string folder, int depth)
    {
        if (depth > MaxDepth)
        {
            throw new CalicoException(Problem.Invalid,
                $"{Path.Combine(root, folder)} is more than {MaxDepth} folders deep; is a link to a folder above it in the way?", "plugin");
        }

        foreach (var name in TrustedPath.List(Path.Combine(root, folder)))
        {
            var path = Path.Combine(folder, name);
            if (!TrustedPath.IsFolder(Path.Combine(root, path)))
            {
                yield return path;
                continue;
            }

            foreach (var file in Files(root, path, depth + 1))
            {
                yield return file;
            }
        }
    }

    // Whatever lies in a folder of others is their fault and named so; it ends nobody else's start.
    private static T Edge<T>(string what, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (UntrustedPathException e)
        {
            throw new CalicoException(Problem.Invalid,
                $"{e.Message}; an adapter's files and every folder on the way to them belong to root and can be written by nobody "
                    + $"else: {Advice(e.Path)}", "plugin", e);
        }
        catch (Exception e) when (e is IOException or Win32Exception or UnauthorizedAccessException)
        {
            throw new CalicoException(Problem.Invalid, $"adapter '{what}' cannot be read: {e.Message}", "plugin", e);
        }
    }

    // A folder like /tmp is everybody's on purpose.
    private static string Advice(string path) => System.IO.Directory.Exists(path) && File.GetUnixFileMode(path)
        .HasFlag(UnixFileMode.StickyBit)
        ? $"install it in a folder that is not below {path}"
        : $"chown root:root and chmod go-w {path}";
}
