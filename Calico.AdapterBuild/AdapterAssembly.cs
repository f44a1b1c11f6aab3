using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace Calico.AdapterBuild;

/// <summary>What an assembly says of the adapter in it, from its metadata: none of its code runs. The build reads it, and the host before
/// it loads.</summary>
/// <param name="Classes">Public classes that implement <c>Calico.IOrchestratorPlugin</c> themselves or by a base class of this assembly,
/// full names.</param>
/// <param name="Contract">Of its <c>CalicoContract</c> attribute; null: it has none.</param>
/// <param name="Name">The text that the only class returns as its <c>Name</c>; null: not one class, or no constant.</param>
/// <param name="References">Names of the assemblies that it refers to, with their versions.</param>
internal sealed record AdapterAssembly(ImmutableArray<string> Classes, (int Major, int Minor)? Contract, string? Name,
    ImmutableDictionary<string, Version> References)
{
    private const string ContractNamespace = "Calico";

    // ECMA-335 III: nop, ldstr <token>, ret.
    private const byte Nop = 0x00;
    private const byte LoadString = 0x72;
    private const byte Return = 0x2A;

    /// <exception cref="BadImageFormatException">It is no .NET assembly, or one that is damaged.</exception>
    public static AdapterAssembly Read(Stream stream)
    {
        try
        {
            using var image = new PEReader(stream, PEStreamOptions.LeaveOpen);
            var metadata = image.GetMetadataReader();
            var classes = metadata.TypeDefinitions.Where(t => IsAdapter(metadata, t)).ToList();
            return new(
                [.. classes.Select(t => FullName(metadata, t))],
                ReadContract(metadata),
                classes is [var only] ? ReadName(image, metadata, only) : null,
                metadata.AssemblyReferences.Select(metadata.GetAssemblyReference)
                    .GroupBy(r => metadata.GetString(r.Name))
                    .ToImmutableDictionary(g => g.Key, g => g.Max(r => r.Version)!));
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or OverflowException)
        {
            // What the reader throws of a file that is something else; a stranger may have made it.
            throw new BadImageFormatException(e.Message, e);
        }
    }

    private static bool IsAdapter(MetadataReader metadata, TypeDefinitionHandle handle)
    {
        var type = metadata.GetTypeDefinition(handle);
        return (type.Attributes & (TypeAttributes.VisibilityMask | TypeAttributes.Abstract | TypeAttributes.Interface))
            == TypeAttributes.Public && Implements(metadata, handle, []);
    }

    private static bool Implements(MetadataReader metadata, TypeDefinitionHandle handle, HashSet<TypeDefinitionHandle> seen)
    {
        // A damaged file may name a type as its own base.
        if (!seen.Add(handle))
        {
            return false;
        }

        var type = metadata.GetTypeDefinition(handle);
        return type.GetInterfaceImplementations().Select(i => metadata.GetInterfaceImplementation(i).Interface)
                .Any(i => i.Kind == HandleKind.TypeReference && IsContractType(metadata, (TypeReferenceHandle)i, "IOrchestratorPlugin"))
            || (type.BaseType.Kind == HandleKind.TypeDefinition && Implements(metadata, (TypeDefinitionHandle)type.BaseType, seen));
    }

    private static (int Major, int Minor)? ReadContract(MetadataReader metadata)
    {
        foreach (var handle in metadata.GetAssemblyDefinition().GetCustomAttributes())
        {
            var attribute = metadata.GetCustomAttribute(handle);
            if (attribute.Constructor.Kind != HandleKind.MemberReference
                || metadata.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent
                    is not { Kind: HandleKind.TypeReference } parent
                || !IsContractType(metadata, (TypeReferenceHandle)parent, "CalicoContractAttribute"))
            {
                continue;
            }

            var blob = metadata.GetBlobReader(attribute.Value);
            // ECMA-335 II.23.3: prolog 0x0001, then the two int32 arguments.
            return blob.ReadUInt16() == 1 ? (blob.ReadInt32(), blob.ReadInt32()) : null;
        }

        return null;
    }

    private static string? ReadName(PEReader image, MetadataReader metadata, TypeDefinitionHandle handle)
    {
        for (var seen = new HashSet<TypeDefinitionHandle>(); seen.Add(handle);)
        {
            var type = metadata.GetTypeDefinition(handle);
            foreach (var method in type.GetMethods().Select(metadata.GetMethodDefinition))
            {
                var name = metadata.GetString(method.Name);
                if ((name == "get_Name" || name.EndsWith("IOrchestratorPlugin.get_Name", StringComparison.Ordinal))
                    && method.RelativeVirtualAddress != 0)
                {
                    return ReadText(image.GetMethodBody(method.RelativeVirtualAddress).GetILReader(), metadata);
                }
            }

            if (type.BaseType.Kind != HandleKind.TypeDefinition)
            {
                return null;
            }

            handle = (TypeDefinitionHandle)type.BaseType;
        }

        return null;
    }

    private static string? ReadText(BlobReader code, MetadataReader metadata)
    {
        var operation = code.ReadByte();
        while (operation == Nop && code.RemainingBytes > 0)
        {
            operation = code.ReadByte();
        }

        if (operation != LoadString || code.RemainingBytes < 5)
        {
            return null;
        }

        var token = code.ReadInt32();
        // 0x70: the heap of user strings.
        return token >>> 24 == 0x70 && code.ReadByte() == Return
            ? metadata.GetUserString((UserStringHandle)System.Reflection.Metadata.Ecma335.MetadataTokens.Handle(token)) : null;
    }

    private static bool IsContractType(MetadataReader metadata, TypeReferenceHandle handle, string name)
    {
        var type = metadata.GetTypeReference(handle);
        return metadata.GetString(type.Name) == name && metadata.GetString(type.Namespace) == ContractNamespace;
    }

    private static string FullName(MetadataReader metadata, TypeDefinitionHandle handle)
    {
        var type = metadata.GetTypeDefinition(handle);
        return metadata.GetString(type.Namespace) is { Length: > 0 } space ? $"{space}.{metadata.GetString(type.Name)}"
            : metadata.GetString(type.Name);
    }
}
