using Calico.AdapterBuild;
using Microsoft.Win32.SafeHandles;

namespace Calico.Host.Plugins;

/// <summary>The contract that an assembly was built against, from its metadata: none of its code runs before it is known to fit.</summary>
internal static class PluginContract
{
    /// <returns>Null: it has no <see cref="CalicoContractAttribute"/>.</returns>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: it is no .NET assembly.</exception>
    public static (int Major, int Minor)? Read(SafeFileHandle file, string name)
    {
        try
        {
            using var stream = new FileStream(file, FileAccess.Read);
            return AdapterAssembly.Read(stream).Contract;
        }
        catch (Exception e) when (e is BadImageFormatException or IOException)
        {
            throw new CalicoException(Problem.Invalid, $"{name} is not a .NET assembly: {e.Message}", "plugin", e);
        }
    }
}
