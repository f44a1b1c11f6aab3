using System.Text.Json;

namespace Calico.VectorTests;

/// <summary>Judges the vectors of one file. Every class of this assembly that implements it and has a constructor without parameters is
/// found and used; adding one is adding a file.</summary>
/// <remarks>One instance serves a whole run and is given the vectors in file order, so a runner may keep the datastore of the vector
/// before (<c>continuesPrevious</c>). An exception counts as failed. Several runners may share a file: the first verdict other than
/// not-applicable counts.</remarks>
public interface IVectorRunner
{
    /// <summary>File name inside the folder, e.g. <c>selectors.json</c>.</summary>
    string File { get; }

    /// <summary>Given the whole document before its first vector, for files with extras beside <c>vectors</c>.</summary>
    void Open(JsonElement document) { }

    /// <summary>Judges one vector.</summary>
    VectorVerdict Run(JsonElement vector);
}
