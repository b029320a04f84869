"""The content room: what a text may say, how long it is, how it is rendered, what a reply means.

Pure: texts, contexts and frames in; findings, parts and rendered columns out. Data comes from `data/reference`.
"""
