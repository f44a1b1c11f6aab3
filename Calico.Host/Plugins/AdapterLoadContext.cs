using System.Collections.Frozen;
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Calico.Host.Plugins;

/// <summary>Where one adapter's assemblies live: its own as its <c>.deps.json</c> names them, the contracts as the host has them, the
/// framework as the runtime has it.</summary>
/// <remarks>
/// - Shared is what the contracts hand over, named and not guessed: an adapter's Grpc, Protobuf or JSON library stays its own, whatever the
///   host has of the same name (docs/design/host.md).
/// - Not collectible: the runtime takes no code compiled ahead in a context that can go.
/// </remarks>
internal sealed class AdapterLoadContext(string assembly) : AssemblyLoadContext($"adapter {Path.GetFileNameWithoutExtension(assembly)}")
{
    private static readonly Type[] Contracts =
    [
        typeof(IOrchestratorPlugin), typeof(IServiceCollection), typeof(ILogger), typeof(IHostedService), typeof(IOptions<>),
    ];

    private static readonly FrozenSet<string> Shared = SharedNames();

    private readonly AssemblyDependencyResolver _resolver = new(assembly);

    /// <summary>The adapter's main assembly.</summary>
    public Assembly LoadMain() => LoadFromAssemblyPath(assembly);

    protected override Assembly? Load(AssemblyName assemblyName)
    {
        if (assemblyName.Name is not { } name || Shared.Contains(name))
        {
            return null;
        }

        var path = _resolver.ResolveAssemblyToPath(assemblyName)
            ?? (assemblyName.CultureName is { Length: > 0 } ? null : InFolder($"{name}.dll"));
        return path is null ? null : LoadFromAssemblyPath(path);
    }

    protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
        (_resolver.ResolveUnmanagedDllToPath(unmanagedDllName) ?? InFolder(unmanagedDllName) ?? InFolder($"{unmanagedDllName}.so")
            ?? InFolder($"lib{unmanagedDllName}.so")) is { } path ? LoadUnmanagedDllFromPath(path) : 0;

    /// <summary>A file that the <c>.deps.json</c> does not name and that was laid down beside it is the adapter's too.</summary>
    private string? InFolder(string file)
    {
        var path = Path.Combine(Path.GetDirectoryName(assembly)!, file);
        return !file.Contains('/', StringComparison.Ordinal) && File.Exists(path) ? path : null;
    }

    /// <summary>The contracts' assemblies and whatever their signatures can hand over: all that they refer to. The runtime's own are not
    /// looked into: that would load half of it for nothing.</summary>
    private static FrozenSet<string> SharedNames()
    {
        var names = new HashSet<string>();
        var open = new Stack<Assembly>(Contracts.Select(t => t.Assembly));
        while (open.TryPop(out var contract))
        {
            names.Add(contract.GetName().Name!);
            foreach (var reference in contract.GetReferencedAssemblies())
            {
                if (names.Add(reference.Name!) && reference.Name!.StartsWith("Microsoft.Extensions.", StringComparison.Ordinal))
                {
                    open.Push(Default.LoadFromAssemblyName(reference));
                }
            }
        }

        return names.ToFrozenSet();
    }
}
