using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Build.Framework;
using Task = Microsoft.Build.Utilities.Task;

namespace Calico.AdapterBuild;

/// <summary>Makes a folder that was published an adapter's: with its manifest, and without what the host shares.</summary>
public sealed class LayOutAdapter : Task
{
    /// <summary>The published folder.</summary>
    [Required]
    public string Folder { get; set; } = "";

    /// <summary>File name of the main assembly.</summary>
    [Required]
    public string Assembly { get; set; } = "";

    /// <summary>Of the adapter.</summary>
    [Required]
    public string Version { get; set; } = "";

    /// <summary>The host that the contract came with.</summary>
    [Required]
    public string MinimumHost { get; set; } = "";

    /// <summary>What an error names.</summary>
    [Required]
    public string Project { get; set; } = "";

    public override bool Execute()
    {
        foreach (var name in AdapterRules.Shared.Where(n => File.Exists(Path.Combine(Folder, n + ".dll"))))
        {
            Log.LogError(null, "CALICO006", null, null, Project, 0, 0, 0, 0,
                $"{name}.dll would go into the adapter, by a file of the project or of a package; it is shared with the host, and another "
                    + "one beside it has other types: leave it out. docs/write-an-adapter.md#calico006 has more");
        }

        AdapterAssembly adapter;
        using (var file = File.OpenRead(Path.Combine(Folder, Assembly)))
        {
            adapter = AdapterAssembly.Read(file);
        }

        if (adapter is not { Name: { } adapterName, Contract: { } contract } || Log.HasLoggedErrors)
        {
            return !Log.HasLoggedErrors;
        }

        if (!AdapterRules.IsVersion(Version))
        {
            Log.LogError(null, "CALICO007", null, null, Project, 0, 0, 0, 0,
                $"the version '{Version}' cannot be a folder's name: letters, digits, '.', '-' and '+'");
            return false;
        }

        TrimDependencies(Path.Combine(Folder, Path.ChangeExtension(Assembly, ".deps.json")));
        File.WriteAllBytes(Path.Combine(Folder, AdapterRules.ManifestName),
            new AdapterManifest(1, adapterName, Version, $"{contract.Major}.{contract.Minor}", MinimumHost, Assembly).ToJson());
        return true;
    }

    // The runtime looks for every file that stands there, and refuses the whole for one that is missing.
    private static void TrimDependencies(string path)
    {
        var document = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
        foreach (var package in document["targets"]!.AsObject().SelectMany(target => target.Value!.AsObject()))
        {
            if (package.Value?["runtime"] is not JsonObject assets)
            {
                continue;
            }

            foreach (var asset in assets.Select(a => a.Key)
                .Where(a => AdapterRules.Shared.Contains(Path.GetFileNameWithoutExtension(a))).ToList())
            {
                assets.Remove(asset);
            }
        }

        File.WriteAllText(path, document.ToJsonString(Indented));
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };
}
