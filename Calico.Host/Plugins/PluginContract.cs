using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
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
            using var image = new PEReader(stream);
            return Read(image.GetMetadataReader());
        }
        catch (Exception e) when (e is BadImageFormatException or InvalidOperationException or ArgumentException or OverflowException or IOException)
        {
            // What the reader throws of a file that is something else; a stranger may have made it.
            throw new CalicoException(Problem.Invalid, $"{name} is not a .NET assembly: {e.Message}", "plugin", e);
        }
    }

    private static (int Major, int Minor)? Read(MetadataReader metadata)
    {
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
}
