using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Calico.Linux;

namespace Calico.Host.Plugins;

/// <summary>An installed adapter: <c>&lt;plugins&gt;/&lt;name&gt;/&lt;version&gt;/&lt;assembly&gt;.dll</c> beside its
/// <c>.deps.json</c>. The version read last by name order is used; older folders are kept for going back.</summary>
/// <param name="Name">Folder name: the adapter's.</param>
/// <param name="Version">Folder name.</param>
/// <param name="Assembly">Full path of the main assembly.</param>
public sealed record PluginFolder(string Name, string Version, string Assembly)
{
    /// <summary>The contract this host has.</summary>
    public static readonly (int Major, int Minor) Contract = (1, 0);

    public string Directory => Path.GetDirectoryName(Assembly)!;

    /// <summary>Finds the adapters of a folder; what is wrong with one goes to <paramref name="problems"/> and does not stop the rest.</summary>
    public static List<PluginFolder> Scan(string root, Action<string, string> problems)
    {
        var found = new List<PluginFolder>();
        if (!System.IO.Directory.Exists(root))
        {
            return found;
        }

        foreach (var folder in System.IO.Directory.GetDirectories(root)
            .Where(d => !Path.GetFileName(d).StartsWith('.')).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(folder);
            try
            {
                var version = System.IO.Directory.GetDirectories(folder)
                    .Where(d => !Path.GetFileName(d).StartsWith('.'))
                    .MaxBy(d => ParseVersion(Path.GetFileName(d)));
                if (version is null)
                {
                    problems(name, $"{folder} has no version folder");
                    continue;
                }

                found.Add(Open(name, version));
            }
            catch (CalicoException e)
            {
                problems(name, e.Message);
            }
        }

        return found;
    }

    /// <summary>Checks one version folder.</summary>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/> no single main assembly, or a folder others may write;
    /// <see cref="Problem.Unsupported"/> built against a newer contract.</exception>
    public static PluginFolder Open(string name, string folder)
    {
        var mains = System.IO.Directory.GetFiles(folder, "*.deps.json").Select(f => f[..^".deps.json".Length] + ".dll").Where(File.Exists).ToArray();
        if (mains.Length != 1)
        {
            throw new CalicoException(Problem.Invalid, $"{folder} has {mains.Length} assemblies with a .deps.json; an adapter's folder has one", "plugin");
        }

        RequireRootOwned(folder);
        var plugin = new PluginFolder(name, Path.GetFileName(folder), mains[0]);
        var contract = ReadContract(plugin.Assembly)
            ?? throw new CalicoException(Problem.Invalid, $"{plugin.Assembly} is no adapter: it has no CalicoContract attribute", "plugin");
        if (contract.Major != Contract.Major || contract.Minor > Contract.Minor)
        {
            throw new CalicoException(Problem.Unsupported,
                $"adapter '{name}' {plugin.Version} was built against contract {contract.Major}.{contract.Minor}; this host has {Contract.Major}.{Contract.Minor}: upgrade the host or install an older adapter", "plugin");
        }

        return plugin;
    }

    // Adapters are trusted code in a root process: whoever can write their folder is root (DESIGN 18, R12).
    private static void RequireRootOwned(string folder)
    {
        foreach (var path in (string[])[folder, .. System.IO.Directory.GetFiles(folder)])
        {
            if (FileOwner.Of(path) is var owner and not 0)
            {
                throw new CalicoException(Problem.Invalid, $"{path} belongs to user {owner}; an adapter's files belong to root", "plugin");
            }

            var mode = File.GetUnixFileMode(path);
            if ((mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0)
            {
                throw new CalicoException(Problem.Invalid, $"{path} can be written by others ({mode}); an adapter's files are 0644, its folders 0755, owned by root", "plugin");
            }
        }
    }

    private static System.Version ParseVersion(string text) =>
        System.Version.TryParse(text.Split('-')[0], out var version) ? version : new(0, 0);

    // From metadata: none of the adapter's code runs before it is known to fit.
    private static (int Major, int Minor)? ReadContract(string assembly)
    {
        try
        {
            using var file = File.OpenRead(assembly);
            using var image = new PEReader(file);
            var metadata = image.GetMetadataReader();
            foreach (var handle in metadata.GetAssemblyDefinition().GetCustomAttributes())
            {
                var attribute = metadata.GetCustomAttribute(handle);
                if (attribute.Constructor.Kind != HandleKind.MemberReference)
                {
                    continue;
                }

                var constructor = metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor);
                if (constructor.Parent.Kind != HandleKind.TypeReference)
                {
                    continue;
                }

                var type = metadata.GetTypeReference((TypeReferenceHandle)constructor.Parent);
                if (metadata.GetString(type.Name) != nameof(CalicoContractAttribute) || metadata.GetString(type.Namespace) != "Calico")
                {
                    continue;
                }

                var blob = metadata.GetBlobReader(attribute.Value);
                // ECMA-335 II.23.3: prolog 0x0001, then the two int32 arguments.
                return blob.ReadUInt16() == 1 ? (blob.ReadInt32(), blob.ReadInt32()) : null;
            }

            return null;
        }
        catch (BadImageFormatException e)
        {
            throw new CalicoException(Problem.Invalid, $"{assembly} is not a .NET assembly: {e.Message}", "plugin", e);
        }
    }
}
