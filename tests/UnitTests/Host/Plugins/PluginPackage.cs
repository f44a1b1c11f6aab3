using System.IO.Compression;
using System.Reflection;
using System.Reflection.Emit;

namespace Calico.UnitTests.Host.Plugins;

/// <summary>Adapters to install: assemblies with nothing in them but the contract they say they were built against.</summary>
internal static class PluginPackage
{
    /// <summary>A folder to which nobody but root has a way to write; not under /tmp, whose sticky bit is not enough.</summary>
    public static string MakeTrustedFolder() =>
        Directory.CreateDirectory($"/run/calico-unit-{Guid.NewGuid():N}",
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;

    /// <summary>Gives a file or folder, with all in it, to another user.</summary>
    public static void GiveAway(string path, int user = 12345)
    {
        using var chown = System.Diagnostics.Process.Start("chown", ["-R", "-h", $"{user}", path]);
        chown.WaitForExit();
    }

    /// <summary>A folder as <c>dotnet publish</c> makes it.</summary>
    /// <param name="folder">Made if it is not there.</param>
    /// <param name="assembly">Name of the main assembly.</param>
    /// <param name="contract">Null: it names none.</param>
    /// <param name="adapter">Name of the adapter in it; null: no class in it is one.</param>
    public static string WriteFolder(string folder, string assembly, (int Major, int Minor)? contract, string? adapter = null)
    {
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        WriteAssembly(Path.Combine(folder, assembly + ".dll"), assembly, contract, adapter);
        File.WriteAllText(Path.Combine(folder, assembly + ".deps.json"), Dependencies(assembly));
        foreach (var file in Directory.GetFiles(folder))
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return folder;
    }

    /// <summary>As the SDK of Calico.Abstractions writes it.</summary>
    public static void WriteManifest(string folder, string name, string version, string assembly, string minimumHost = "0.1.0") =>
        File.WriteAllText(Path.Combine(folder, "calico-adapter.json"), $$"""
            {"manifestVersion":1,"name":"{{name}}","version":"{{version}}","contract":"1.0","minimumHost":"{{minimumHost}}","assembly":"{{assembly}}"}
            """);

    /// <summary>As the SDK writes it for an assembly that needs nothing.</summary>
    public static string Dependencies(string assembly) => """
        {"runtimeTarget":{"name":".NETCoreApp,Version=v10.0","signature":""},"targets":{".NETCoreApp,Version=v10.0":{"NAME/1.0.0":{"runtime":{"NAME.dll":{}}}}},
        "libraries":{"NAME/1.0.0":{"type":"project","serviceable":false,"sha512":""}}}
        """.Replace("NAME", assembly, StringComparison.Ordinal);

    /// <summary>A package with a folder's files under <c>plugin/</c>, and other entries as they are named.</summary>
    public static string WritePackage(string path, string id, string version, string folder, params string[] more)
    {
        using var archive = ZipFile.Open(path, ZipArchiveMode.Create);
        Add(archive, $"{id}.nuspec",
            $"<package><metadata><id>{id}</id><version>{version}</version><authors>test</authors><description>test</description></metadata></package>");
        foreach (var file in Directory.GetFiles(folder))
        {
            archive.CreateEntryFromFile(file, "plugin/" + Path.GetFileName(file));
        }

        foreach (var entry in more)
        {
            Add(archive, entry, "evil");
        }

        return path;
    }

    private static void Add(ZipArchive archive, string name, string text)
    {
        using var writer = new StreamWriter(archive.CreateEntry(name).Open());
        writer.Write(text);
    }

    private static void WriteAssembly(string path, string name, (int Major, int Minor)? contract, string? adapter)
    {
        CustomAttributeBuilder[] attributes = contract is { } version
            ? [new(typeof(CalicoContractAttribute).GetConstructor([typeof(int), typeof(int)])!, [version.Major, version.Minor])]
            : [];
        var builder = new PersistedAssemblyBuilder(new AssemblyName(name) { Version = new(1, 2, 3) }, typeof(object).Assembly, attributes);
        var module = builder.DefineDynamicModule(name);
        if (adapter is not null)
        {
            DefineAdapter(module, adapter);
        }

        builder.Save(path);
    }

    private static void DefineAdapter(ModuleBuilder module, string adapter)
    {
        const MethodAttributes Implementing =
            MethodAttributes.Public | MethodAttributes.Virtual | MethodAttributes.Final | MethodAttributes.HideBySig;
        var type = module.DefineType("Test.Adapter", TypeAttributes.Public | TypeAttributes.Sealed, typeof(object),
            [typeof(IOrchestratorPlugin)]);
        var name = type.DefineMethod("get_Name", Implementing, typeof(string), []).GetILGenerator();
        name.Emit(OpCodes.Ldstr, adapter);
        name.Emit(OpCodes.Ret);
        type.DefineMethod("Configure", Implementing, typeof(void), [typeof(IPluginBuilder)]).GetILGenerator().Emit(OpCodes.Ret);
        type.DefineDefaultConstructor(MethodAttributes.Public);
        type.CreateType();
    }
}
