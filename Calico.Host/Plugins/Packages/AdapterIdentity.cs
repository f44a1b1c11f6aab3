using System.Text.Json;
using Calico.AdapterBuild;
using NuGet.Versioning;

namespace Calico.Host.Plugins.Packages;

/// <summary>Who an adapter in a folder is: what its manifest says, and its assembly again.</summary>
/// <param name="Name">The adapter's <c>Name</c>, and its folder's.</param>
/// <param name="Version">Its version, and its folder's.</param>
internal sealed record AdapterIdentity(string Name, string Version)
{
    /// <summary>It has six short texts.</summary>
    private const long MostManifest = 64 << 10;

    /// <summary>Reads it from a folder that is not installed yet.</summary>
    /// <param name="folder">Its files.</param>
    /// <param name="source">What a message names.</param>
    /// <exception cref="CalicoException"><see cref="Problem.Invalid"/>: it does not say, or says two things.</exception>
    public static AdapterIdentity Read(string folder, string source)
    {
        if (Directory.GetFiles(folder, "*.deps.json") is not [var dependencies])
        {
            throw HasNotOneMain(source);
        }

        var main = Path.GetFileName(dependencies)[..^".deps.json".Length] + ".dll";
        if (!File.Exists(Path.Combine(folder, main)))
        {
            throw Bad($"'{source}' has {Path.GetFileName(dependencies)} and no {main} beside it");
        }

        if (AdapterRules.Shared.FirstOrDefault(n => File.Exists(Path.Combine(folder, n + ".dll"))) is { } shared)
        {
            throw Bad($"'{source}' brings a {shared}.dll of its own; the host shares its own with adapters, and another one has other "
                + "types: build it with the targets of the package Calico.Abstractions, which leave it out");
        }

        if (File.Exists(Path.Combine(folder, "System.Private.CoreLib.dll")))
        {
            throw Bad($"'{source}' brings a .NET runtime of its own; an adapter runs in the host's process: "
                + "publish it without --self-contained");
        }

        var manifest = ReadManifest(Path.Combine(folder, AdapterRules.ManifestName), source);
        var (name, contract) = ReadAssembly(Path.Combine(folder, main), source);
        var version = manifest?.Version
            ?? System.Diagnostics.FileVersionInfo.GetVersionInfo(Path.Combine(folder, main)).ProductVersion?.Split('+')[0] ?? "0.0.0";
        if (manifest is not null && (manifest.Name, manifest.Assembly) != (name ?? manifest.Name, main))
        {
            throw Bad($"'{source}': its {AdapterRules.ManifestName} speaks of '{manifest.Name}' in {manifest.Assembly}; what is there "
                + $"is '{name}' in {main}");
        }

        if (manifest is not null && contract is { } built && manifest.Contract != $"{built.Major}.{built.Minor}")
        {
            throw Bad($"'{source}': its {AdapterRules.ManifestName} speaks of contract {manifest.Contract}; {main} was built "
                + $"against {built.Major}.{built.Minor}");
        }

        if (manifest is not null && !NuGetVersion.TryParse(manifest.MinimumHost, out _))
        {
            throw Bad($"'{source}': {AdapterRules.ManifestName} has minimumHost '{manifest.MinimumHost}', which is no version");
        }

        if (manifest is not null && NuGetVersion.Parse(manifest.MinimumHost) is var least && NuGetVersion.Parse(ThisVersion.Text) < least)
        {
            throw new CalicoException(Problem.Unsupported,
                $"'{source}' needs calico-host {least} or later; this is {ThisVersion.Text}", "source");
        }

        name ??= manifest?.Name
            ?? throw Bad($"'{source}' does not say the adapter's name: it has no {AdapterRules.ManifestName}, and its Name is no constant "
                + "text. Build it with the targets of the package Calico.Abstractions");
        return AdapterRules.IsName(name) && AdapterRules.IsVersion(version) ? new(name, version)
            : throw Bad($"'{source}' calls itself '{name}' {version}; both become folder names: a name has lower-case letters, digits and "
                + "'-', a version also '.' and '+'");
    }

    /// <summary>What is said of a folder that is no adapter's.</summary>
    public static CalicoException HasNotOneMain(string source) =>
        Bad($"'{source}' has not exactly one .deps.json: give the folder that dotnet publish made, or the package that dotnet pack made");

    private static AdapterManifest? ReadManifest(string path, string source)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        if (new FileInfo(path).Length > MostManifest)
        {
            throw Bad($"'{source}': {AdapterRules.ManifestName} is longer than {MostManifest >> 10} KiB");
        }

        try
        {
            return AdapterManifest.Parse(File.ReadAllBytes(path));
        }
        catch (JsonException e)
        {
            throw Bad($"'{source}': {AdapterRules.ManifestName} cannot be read: {e.Message}", e);
        }
    }

    private static (string? Name, (int Major, int Minor)? Contract) ReadAssembly(string assembly, string source)
    {
        try
        {
            using var file = File.OpenRead(assembly);
            var read = AdapterAssembly.Read(file);
            return (read.Name, read.Contract);
        }
        catch (BadImageFormatException e)
        {
            throw Bad($"'{source}': {Path.GetFileName(assembly)} is not a .NET assembly: {e.Message}", e);
        }
    }

    private static CalicoException Bad(string message, Exception? inner = null) => new(Problem.Invalid, message, "source", inner);
}
